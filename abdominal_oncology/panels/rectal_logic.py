"""The RectalStaging without a window: stage a volume, write the finding. For the Python console too.

>>> class Logic(RectalLogic):
...     def phantom(self): ...
>>> logic = Logic()

and then, in Slicer, ``finding = logic.stage(node)`` and ``logic.writeResults(finding, node)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.logic import ImagePanelLogic

if TYPE_CHECKING:
    from abdominal_oncology.imaging.image import Image
    from abdominal_oncology.learning.finding import Finding
    from abdominal_oncology.progress import Progress
    from abdominal_oncology.scene.rectal_results import RectalResults


class RectalLogic(ImagePanelLogic):
    """Methods take volume nodes and are named as Slicer names things."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._overlays: dict[str, tuple[Finding, Image | None]] = {}

    def stage(
        self,
        volumeNode: Any,
        roi: Any = None,
        segmentation: Any = None,
        bundle: str | Path | None = None,
        tta: bool = True,
        progress: Progress | None = None,
        *,
        sensitivity: float | None = None,
        biasCorrection: bool | None = None,
    ) -> Finding:
        """T2 or T3, with the evidence; the scene stays as it is.

        ``roi`` (a markups ROI) says where the rectum is, else the segments of ``segmentation`` called or coded as
        tumour and rectum do, else it is looked for. Segments are measured, too: tumour volume, and depth beyond the
        muscularis where both are there. ``bundle``: name or path of a model; None takes the one that is installed, and
        where there is none (or no PyTorch) no stage is given and the finding says so; "none" asks for that. ``tta``
        looks under eight views. ``sensitivity`` for T3 replaces the bundle's own operating point. What cannot be staged
        (CT, a ROI outside of the volume) is an error.
        """
        from abdominal_oncology.panels.rectal_inputs import RectalQuestion, request_of
        from abdominal_oncology.worker.jobs.rectal import OVERLAY

        question = RectalQuestion(volumeNode, roi, segmentation, sensitivity, tta, biasCorrection, bundle)
        result = self.runJob(request_of(question), progress)
        (finding,) = result.findings
        self._overlays[volumeNode.GetID()] = finding, result.images.get(OVERLAY)
        return finding

    def writeResults(self, finding: Finding, volumeNode: Any) -> RectalResults:
        """Tables, slices along the body, activation map, the region as a ROI, facts; in place of those before.

        The activation map is there for the finding that this logic made last for the volume.
        """
        from abdominal_oncology.scene.rectal_results import write_stage

        known, overlay = self._overlays.get(volumeNode.GetID(), (None, None))
        return write_stage(finding, volumeNode, overlay if known == finding else None)

    def removeResults(self, volumeNode: Any) -> None:
        """Take results of ours away again."""
        from abdominal_oncology.scene.rectal_results import remove_stage

        remove_stage(volumeNode)

    def releaseModels(self) -> None:
        """Give the memory of networks and activation maps back; networks load again on use."""
        self._overlays.clear()
        super().releaseModels()
