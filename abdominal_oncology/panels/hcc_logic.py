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

    from abdominal_oncology.hcc.finding_lirads import Overrides
    from abdominal_oncology.hcc.lirads.population import Population
    from abdominal_oncology.imaging.image import Image
    from abdominal_oncology.learning.finding import Finding
    from abdominal_oncology.progress import Progress
    from abdominal_oncology.scene.hcc_nodes import Prior
    from abdominal_oncology.scene.hcc_results import LesionResults


class HccLogic(ImagePanelLogic):
    """Methods take nodes and are named as Slicer names things."""

    _answered: tuple[list[Finding], dict[str, dict[str, Image]]] = ([], {})
    """The findings of the last analysis and the maps of their lesions."""

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
        from abdominal_oncology.panels.hcc_inputs import LiverQuestion, request_of, with_nodes
        from abdominal_oncology.scene.hcc_lesions import with_lesions
        from abdominal_oncology.scene.hcc_nodes import LiverNodes
        from abdominal_oncology.worker.jobs.hcc import maps_of

        nodes, left_out = with_lesions(
            LiverNodes(arterial, portal, delayed, segmentation, liverSegment, lesionSegments, nonContrast, prior)
        )
        question = LiverQuestion(
            nodes,
            _population(population),
            imaged_on=imagedOn,
            overrides=overrides or {},
            bundle=bundle,
            warnings=left_out,
        )
        result = self.runJob(request_of(question), progress)
        findings = with_nodes(result.findings, nodes)
        self._answered = findings, maps_of(result)
        return list(findings)

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
        from abdominal_oncology.scene.hcc_results import write_findings

        return write_findings(findings, segmentation, portal, self._maps_of(findings) if maps else None)

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
        self._answered = [], {}
        super().releaseModels()

    def _maps_of(self, findings: Sequence[Finding]) -> dict[str, dict[str, Image]]:
        """Maps are drawn from what was measured, which is not kept with the scene."""
        from abdominal_oncology.errors import InvalidInputError

        answered, maps = self._answered
        known = {_origin(each) for each in answered}
        missing = [each.subject for each in findings if each.subject not in maps or _origin(each) not in known]
        if missing:
            raise InvalidInputError(
                f"nothing is measured any more to draw maps of {', '.join(missing)}", remedy="analyze once more"
            )
        return {each.subject: maps[each.subject] for each in findings}


def _origin(finding: Finding) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Which lesion of which nodes a finding is of, whatever a reader has said since."""
    return finding.subject, tuple(sorted(finding.provenance.inputs.items()))


def _population(given: Population | str | Sequence[str] | None) -> Population:
    from abdominal_oncology.hcc.lirads.population import Population

    if isinstance(given, Population):
        return given
    return Population.of(*([given] if isinstance(given, str) else given or ()))
