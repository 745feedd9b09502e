"""What the three Slicer panels share, so that a module file only registers and binds.

Beside ``scene`` the one room that meets Slicer: modules → panels → scene. Nothing here imports Slicer at file scope;
the classes are mixed into Slicer's own scripted-module classes by the module files, and Qt is met only through the
widgets of a panel's ``.ui`` file. Opening a panel must not import numpy-heavy rooms: they are imported when a button
asks for them.
"""

from abdominal_oncology.panels import patients
from abdominal_oncology.panels.hcc_logic import HccLogic
from abdominal_oncology.panels.logic import ImagePanelLogic
from abdominal_oncology.panels.phase_logic import PhaseLogic
from abdominal_oncology.panels.rectal_logic import RectalLogic
from abdominal_oncology.panels.samples import register_phantom
from abdominal_oncology.panels.widget import ImagePanelWidget

__all__ = [
    "HccLogic",
    "ImagePanelLogic",
    "ImagePanelWidget",
    "PhaseLogic",
    "RectalLogic",
    "patients",
    "register_phantom",
]
