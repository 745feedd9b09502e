"""A desktop like Slicer's for tests: its widgets' exact API on real Qt (PySide6) and the real scene (slicer-core).

Test support, no part of the extension. ``facts.json`` says what Slicer's and CTK's classes have; ``wrapper``,
``members``, ``methods``, ``properties``, ``signals`` show objects as PythonQt does; ``behaviours`` are what the widgets
do; ``desktop.Desktop`` is the application around a panel.
"""
