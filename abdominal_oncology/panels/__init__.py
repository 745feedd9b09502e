"""What the three Slicer panels share, so that a module file only registers and binds.

Beside ``scene`` the one room that meets Slicer: modules → panels → scene. Nothing here imports Slicer at file scope;
the classes are mixed into Slicer's own scripted-module classes by the module files. ``widget`` is how every panel
behaves and ``<room>_panel`` what is special of one; ``boxes`` are the parts of a panel, with their ``.ui`` fragments in
``ui``; ``session`` keeps the worker, ``run`` is one job from click to result. Opening a panel must not import
numpy-heavy rooms: they are imported when a button asks for them.
"""

from abdominal_oncology.panels.hcc_logic import HccLogic
from abdominal_oncology.panels.hcc_panel import HccPanel
from abdominal_oncology.panels.logic import ImagePanelLogic
from abdominal_oncology.panels.phase_logic import PhaseLogic
from abdominal_oncology.panels.phase_panel import PhasePanel
from abdominal_oncology.panels.rectal_logic import RectalLogic
from abdominal_oncology.panels.rectal_panel import RectalPanel
from abdominal_oncology.panels.samples import register_phantom
from abdominal_oncology.panels.widget import PanelWidget
from abdominal_oncology.worker.jobs import sample_patients as patients

__all__ = [
    "HccLogic",
    "HccPanel",
    "ImagePanelLogic",
    "PanelWidget",
    "PhaseLogic",
    "PhasePanel",
    "RectalLogic",
    "RectalPanel",
    "patients",
    "register_phantom",
]
