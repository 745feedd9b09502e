"""The LiverHCC without a window: analyze lesions, correct what was measured, write findings. For the console too.

>>> class Logic(HccLogic):
...     def phantom(self): ...
>>> logic = Logic()

and then, in Slicer, ``findings = logic.analyze(arterial, portal, delayed, segmentation, "liver")``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.logic import ImagePanelLogic

if TYPE_CHECKING:
    from datetime import date

    from abdominal_oncology.hcc.analyze import Analysis
    from abdominal_oncology.hcc.finding_lirads import Overrides
    from abdominal_oncology.hcc.lirads.population import Population
    from abdominal_oncology.learning.finding import Finding
    from abdominal_oncology.progress import Progress
    from abdominal_oncology.scene.hcc_nodes import Prior
    from abdominal_oncology.scene.hcc_results import LesionResults
    from abdominal_oncology.worker.models import Models


class HccLogic(ImagePanelLogic):
    """Methods take nodes and are named as Slicer names things."""

    _models: Models | None = None
    _analysis: Analysis | None = None

    def analyze(
        self,
        arterial: Any,
        portal: Any,
        delayed: Any,
        segmentation: Any,
        liverSegment: str | None = None,
        lesionSegments: Sequence[str] | None = None,
        prior: Prior | None = None,
        bundle: str | Path | None = None,
        progress: Progress | None = None,
        *,
        nonContrast: Any = None,
        population: Population | str | Sequence[str] | None = None,
        imagedOn: date | None = None,
        overrides: Mapping[str, Overrides] | None = None,
    ) -> list[Finding]:
        """One finding per lesion, in the order of the segments; the scene stays as it is.

        ``delayed`` may be None. Segments are named by identifier, name or meaning; without ``lesionSegments`` every
        segment is a lesion that is coded or named as one, or that nobody can name and that lies in the liver.
        ``prior``: a PriorSize, PriorSizes by lesion, or a PriorStudy with the segmentation of an earlier study.
        ``population`` ("cirrhosis", "hbv", "hcc-history" …) says whether LI-RADS applies. ``bundle``: name or path of
        a model; None takes the one that is installed, and without one (or with "none") measured features and LI-RADS
        answer alone. ``overrides``: a reader's word by lesion and feature.
        """
        from abdominal_oncology.panels import hcc_work
        from abdominal_oncology.progress import silent
        from abdominal_oncology.scene.hcc_nodes import LiverNodes
        from abdominal_oncology.worker.models import Models

        if self._models is None:  # one without a loaded network counts as empty, and is kept all the same
            self._models = Models()
        nodes = LiverNodes(arterial, portal, delayed, segmentation, liverSegment, lesionSegments, nonContrast, prior)
        request = hcc_work.Request(bundle, population, imagedOn, overrides)
        self._analysis = hcc_work.analyze_nodes(nodes, self._models, request, progress or silent)
        return list(self._analysis.findings)

    def recategorise(self, finding: Finding, overrides: Overrides, by: str = "reader", why: str = "") -> Finding:
        """The finding after a reader's word on features or size: another LI-RADS category at once, all else stays."""
        from abdominal_oncology.hcc.finding import recategorise

        return recategorise(finding, overrides, by=by, why=why)

    def writeResults(
        self, findings: Sequence[Finding], segmentation: Any, portal: Any, maps: bool = False
    ) -> LesionResults:
        """Tables beside the portal volume, in place of what was written before for the segmentation; with ``maps``
        volumes of enhancement and washout, and the shell that was looked at for a capsule, of the last analysis.
        """
        from abdominal_oncology.panels import hcc_work
        from abdominal_oncology.scene.hcc_results import write_findings

        drawn = hcc_work.maps_of(self._analysis, findings) if maps else None
        return write_findings(findings, segmentation, portal, drawn)

    def findingsOf(self, segmentation: Any) -> list[Finding]:
        """What was written for a segmentation before, a saved scene included."""
        from abdominal_oncology.scene.hcc_results import findings_of

        return findings_of(segmentation)

    def removeResults(self, segmentation: Any) -> None:
        """Take what was written away again."""
        from abdominal_oncology.scene.hcc_results import remove_findings

        remove_findings(segmentation)

    def phasesOf(self, volumes: Sequence[Any]) -> dict[str, Any]:
        """``arterial``, ``portal``, ``delayed``, ``non-contrast`` among volumes that PhaseClassifier has looked at."""
        from abdominal_oncology.scene.hcc_nodes import phases_by_finding

        return phases_by_finding(volumes)

    def releaseModels(self) -> None:
        """Give the memory of networks and measurements back; networks load again on use."""
        self._analysis = None
        if self._models is not None:
            self._models.close()
