"""The findings of a study's lesions as they are in the scene, and a reader's words on them; maps that may be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.honesty import phantom_banner
from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.hcc.finding_lirads import Overrides
    from abdominal_oncology.imaging.image import Image
    from abdominal_oncology.learning.finding import Finding
    from abdominal_oncology.panels.hcc_patient import PatientFacts
    from abdominal_oncology.scene.hcc_results import LesionResults


class Readings:
    """Follows one segmentation. What is said here is written to the scene at once, and read from there again."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._segmentation: Any = None
        self._portal: Any = None
        self._maps: Mapping[str, Mapping[str, Image]] = {}
        self._maps_of = ""

    @property
    def table(self) -> Any:
        """The table node of the lesions, or None."""
        written = self._written()
        return None if written is None else written.summary

    @property
    def shells(self) -> Any:
        """The segmentation of all shells that were drawn, or None."""
        written = self._written()
        return None if written is None else written.shells

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the table, those that a narrow panel shows; answers only where a model gave one."""
        answers = ("p_hcc", "decision") if any(each.probabilities for each in self.findings) else ()
        return ("lesion", "li_rads", *answers, "size_mm", "location", "warnings")

    @property
    def overrides(self) -> Mapping[str, Overrides]:
        """Every word of the reader by lesion, for another run."""
        if not self.findings:
            return {}
        from abdominal_oncology.panels.hcc_words import overrides_of

        return overrides_of(self.findings)

    @property
    def banner(self) -> str:
        """What must be said of the model that answered."""
        return phantom_banner(self.findings[0].provenance.trained_on) if self.findings else ""

    @property
    def headline(self) -> str:
        """All lesions in a few words."""
        from abdominal_oncology.hcc.finding_lirads import categorisation_of
        from abdominal_oncology.hcc.finding_parts import HCC

        told = []
        for each in self.findings:
            p = each.probabilities.get(HCC)
            likely = "" if p is None else tr(", HCC {percent:.0f} %").format(percent=100 * p)
            withheld = tr(" (answer withheld)") if p is not None and each.decision is None else ""
            told.append(f"{each.subject}: {categorisation_of(each).label}{likely}{withheld}")
        return "\n".join(told)

    def are_of_another(self, segmentation: Any) -> bool:
        """Whether another segmentation was chosen, or the results were deleted."""
        return segmentation is not self._segmentation or (bool(self.findings) and self.table is None)

    def open(self, segmentation: Any, portal: Any) -> None:
        """What the scene holds for these nodes."""
        self._segmentation, self._portal, self.findings = segmentation, portal, []
        if self.table is not None:
            from abdominal_oncology.scene.hcc_results import findings_of

            self.findings = findings_of(segmentation)

    def write(
        self, findings: Sequence[Finding], segmentation: Any, portal: Any, maps: Mapping[str, Mapping[str, Image]]
    ) -> None:
        """A new answer in the place of the last, with what a reader has said since it was asked for; ``maps`` by lesion
        and kind are kept until they are wanted.
        """
        from abdominal_oncology.panels.hcc_words import with_words
        from abdominal_oncology.scene.hcc_results import write_findings

        if segmentation is self._segmentation and self.findings:
            said = self.overrides
            findings = [with_words(each, said.get(each.subject, {})) for each in findings]
        write_findings(findings, segmentation, portal)
        self._maps, self._maps_of = maps, segmentation.GetID()
        self.open(segmentation, portal)

    def say(self, row: int, what: str, word: str | float | None) -> None:
        """A reader's word on a feature or on ``size_mm`` of one lesion; None takes it back."""
        from abdominal_oncology.panels.hcc_words import with_word

        self._rewrite({row: with_word(self.findings[row], what, word)})

    def take_back(self, row: int) -> None:
        """All words on one lesion."""
        from abdominal_oncology.panels.hcc_words import without_words

        self._rewrite({row: without_words(self.findings[row])})

    def follow(self, facts: PatientFacts) -> None:
        """Another patient, as far as LI-RADS is concerned: all categories follow."""
        from abdominal_oncology.panels.hcc_words import with_patient

        changed = {}
        for row, each in enumerate(self.findings):
            segment = each.provenance.inputs.get("segment", "")
            prior = facts.priors.get(segment)
            priors = None if segment not in facts.priors else (prior,) if prior is not None else ()
            changed[row] = with_patient(each, facts.population, priors, facts.imaged_on)
        if any(self.findings[row] is not each for row, each in changed.items()):
            self._rewrite(changed)

    def draw(self) -> bool:
        """Put the maps of all lesions into the scene, unless they are there. False: nobody has them any more."""
        from abdominal_oncology.scene.hcc_results import write_maps

        written = self._written()
        if written is None:
            return False
        if not written.maps:
            if not self._maps or self._maps_of != self._segmentation.GetID():
                return False
            write_maps(self._maps, self._segmentation, self._portal)
        return True

    def map_of(self, row: int, kind: str) -> Any:
        """The volume of one lesion's map that was drawn; None where nothing could be measured."""
        written = self._written()
        return None if written is None else written.maps.get(self.findings[row].subject, {}).get(kind)

    def _written(self) -> LesionResults | None:
        if self._segmentation is None or self._segmentation.GetScene() is None:
            return None
        from abdominal_oncology.scene.hcc_results import results_of

        return results_of(self._segmentation)

    def _rewrite(self, changed: Mapping[int, Finding]) -> None:
        from abdominal_oncology.scene.hcc_results import rewrite_findings

        findings = [changed.get(row, each) for row, each in enumerate(self.findings)]
        rewrite_findings(findings, self._segmentation)
        self.findings = findings
