"""A desktop like Slicer's for tests: its widgets' exact API on real Qt (PySide6) and the real scene (slicer-core).

Test support, no part of the extension. ``facts.json`` says what Slicer's and CTK's classes have; ``wrapper``,
``members``, ``methods``, ``properties``, ``signals`` show objects as PythonQt does; ``behaviours`` are what the widgets
do; ``desktop.Desktop`` is the application around a panel.

How a test of a panel uses it (fixtures from ``slicer_desktop.fixtures``, imported by the folder's ``conftest.py``)::

    def test_a_run_can_be_cancelled(desktop, slicer):
        panel = desktop.open("PhaseClassifier")          # loads the module file, setup(), enter()
        panel.ui.sampleDataButton.click()
        with Heartbeat() as heart:                       # slicer_desktop.waiting
            panel.ui.applyButton.click()
            wait_until(lambda: panel.ui.progressBar.value > 10, timeout_seconds=20)
            panel.ui.applyButton.click()                 # Cancel
            wait_until(lambda: panel.ui.applyButton.text == "Apply")
        assert heart.longest_pause_seconds < 0.1
        picture(panel.parent, output / "cancelled.png")  # slicer_desktop.pictures

``desktop.testing(False)`` lets dialogs open; ``desktop.desk.lay(answer)`` answers the next one, ``desktop.desk.shown``
are those that opened, and one that nobody answers fails the test. ``desktop.journal.take()`` takes what Slicer would
have printed as errors (exceptions in slots, bad signatures); what is left there at the end fails the test.
``desktop.packaging.missing`` makes packages look absent, ``.installing`` says what an installation does.
"""
