"""What the networks of a bundle say about each lesion of a prepared case: patches are cut, all are asked at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.hcc.cut import cut_patch
from abdominal_oncology.hcc.lesion_answers import LesionAnswers, answers_of
from abdominal_oncology.hcc.lesion_input import PUBLISHED, LesionPreparation, input_of_cut
from abdominal_oncology.hcc.measure import LesionMeasurements
from abdominal_oncology.hcc.phase_roles import PHASES
from abdominal_oncology.hcc.prepare import PreparedCase
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.progress import Progress, part, silent

if TYPE_CHECKING:
    from abdominal_oncology.learning.predictor import Predictor

Answered = tuple[LesionAnswers | None, tuple[FindingWarning, ...]]
"""What was answered about a lesion, None where no network could be asked; and what there is to say about its patch."""


@dataclass(frozen=True, eq=False)
class Askable:
    """``inputs`` (n, 4, k, j, i) of the lesions numbered ``which``, None where none can be asked about; ``remarks`` on
    the patch of each lesion, or why it has none.
    """

    which: tuple[int, ...]
    inputs: NDArray[np.uint8] | None
    remarks: tuple[tuple[FindingWarning, ...], ...]

    def spread(self, answers: Sequence[LesionAnswers]) -> list[Answered]:
        """The answers to ``inputs`` among all lesions."""
        result: list[Answered] = [(None, remark) for remark in self.remarks]
        for n, answer in zip(self.which, answers, strict=True):
            result[n] = (answer, self.remarks[n])
        return result


def askable(
    prepared: PreparedCase, measured: Sequence[LesionMeasurements], settings: LesionPreparation = PUBLISHED
) -> Askable:
    """Networks were trained on three phases: where a lesion lacks one of them none is asked."""
    which = tuple(n for n, each in enumerate(measured) if not _obstacle(each))
    remarks = [_not_asked(each) for each in measured]
    inputs = []
    for n in which:
        patch = cut_patch(prepared, prepared.case.lesions[n])
        remarks[n] = patch.warnings
        inputs.append(input_of_cut(patch, settings, measured[n].name))
    return Askable(which, np.stack(inputs) if inputs else None, tuple(remarks))


def answer_lesions(
    prepared: PreparedCase,
    measured: Sequence[LesionMeasurements],
    predictor: Predictor | None,
    progress: Progress = silent,
) -> list[Answered]:
    """One per lesion, in their order."""
    if predictor is None:
        return [(None, ()) for _ in measured]
    progress(0.0, "cutting patches")
    facts = predictor.model.facts
    cut = askable(prepared, measured, LesionPreparation.from_mapping(facts.preparation))
    if cut.inputs is None:
        return cut.spread(())
    return cut.spread(answers_of(predictor.run(cut.inputs, part(progress, 0.2, 1.0)), facts.network))


def _obstacle(measured: LesionMeasurements) -> str:
    if measured.unmeasurable:
        return measured.unmeasurable
    missing = [role for role in PHASES if role not in measured.roles]
    return f"there is no usable {' and no usable '.join(missing)} phase of it" if missing else ""


def _not_asked(measured: LesionMeasurements) -> tuple[FindingWarning, ...]:
    why = _obstacle(measured)
    return (FindingWarning("no-network", f"no network was asked about {measured.name}: {why}"),) if why else ()
