"""AbdominalOncology: the shared layer below three 3D Slicer modules.

Who may know whom (a test asserts it)::

    Slicer modules, demo, cli, bench ──► scene ──► phase | hcc | rectal ──► learning ──► imaging
                                                        └──► phantom ───────────────────► imaging

``errors`` and ``progress`` are known to all. Only ``scene`` imports slicer and vtk; the three clinical folders never
import each other; torch and monai are imported by the functions that need them.
"""

__version__ = "0.1.0"
