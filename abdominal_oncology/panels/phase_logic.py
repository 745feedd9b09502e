"""The PhaseClassifier without a window: classify volumes, write the findings, pair a study. For the Python console too.

>>> class Logic(PhaseLogic):
...     def phantom(self): ...
>>> logic = Logic()

and then, in Slicer, ``findings = logic.classify([node])`` and ``logic.writeResults(findings, [node])``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.logic import ImagePanelLogic

if TYPE_CHECKING:
    from abdominal_oncology.learning.finding import Finding
    from abdominal_oncology.phase.study import PairedStudy
    from abdominal_oncology.progress import Progress
    from abdominal_oncology.scene.phase_results import PhaseResults


class PhaseLogic(ImagePanelLogic):
    """Methods take volume nodes (one, or several in a list) and are named as Slicer names things."""

    def classify(
        self,
        volumeNodes: Any,
        bundle: str | Path | None = None,
        fraction: float = 0.3,
        seed: int = 0,
        segmentation: Any = None,
        progress: Progress | None = None,
        *,
        points: Any = None,
    ) -> list[Finding]:
        """One finding per volume, in their order; the scene stays as it is.

        ``bundle``: name or path of a model; None takes the one that is installed, and where there is none (or no
        PyTorch) the kinetics answer alone and the finding says so; "none" asks for that. ``fraction`` of the slices is
        read in the order that ``seed`` draws. ``segmentation`` (its segments told by code or name) or ``points``
        (labelled by organ) replace the regions that would be found automatically. A volume that cannot be classified
        gets a finding without decision, with the reason; what is wrong with the request itself is raised.
        """
        from abdominal_oncology.panels.phase_inputs import PhaseQuestion, request_of

        question = PhaseQuestion(_list(volumeNodes), segmentation, points, fraction, bundle, seed=seed)
        return list(self.runJob(request_of(question), progress).findings)

    def writeResults(self, findings: Sequence[Finding], volumeNodes: Any, rename: bool = False) -> PhaseResults:
        """Summary table, votes along the body, regions and facts, in place of what was written before for them."""
        from abdominal_oncology.scene.phase_results import write_findings

        return write_findings(findings, _list(volumeNodes), rename=rename)

    def removeResults(self, volumeNodes: Any) -> None:
        """Take results and names of ours away again."""
        from abdominal_oncology.scene.phase_results import remove_findings

        remove_findings(_list(volumeNodes))

    def pairStudy(self, volumeNodes: Any, findings: Sequence[Finding | None]) -> PairedStudy:
        """The volumes as multiphase sets; series are named by the IDs of their nodes."""
        from abdominal_oncology.panels.phase_pairs import pair_volumes

        return pair_volumes(_list(volumeNodes), findings)


def _list(nodes: Any) -> list[Any]:
    return [nodes] if nodes is None or hasattr(nodes, "IsA") else list(nodes)
