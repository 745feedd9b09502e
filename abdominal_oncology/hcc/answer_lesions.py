"""What the networks of a bundle say about each lesion of a prepared case: patches are cut, all are asked at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from abdominal_oncology.hcc.case import PHASES
from abdominal_oncology.hcc.cut import cut_patch
from abdominal_oncology.hcc.lesion_answers import LesionAnswers, answers_of
from abdominal_oncology.hcc.lesion_input import LesionPreparation, input_of_cut
from abdominal_oncology.hcc.measure import LesionMeasurements
from abdominal_oncology.hcc.prepare import PreparedCase
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.progress import Progress, part, silent

if TYPE_CHECKING:
    from abdominal_oncology.learning.predictor import Predictor

Answered = tuple[LesionAnswers | None, tuple[FindingWarning, ...]]
"""What was answered about a lesion, None where no network could be asked; and what there is to say about its patch."""


def answer_lesions(
    prepared: PreparedCase,
    measured: Sequence[LesionMeasurements],
    predictor: Predictor | None,
    progress: Progress = silent,
) -> list[Answered]:
    """One per lesion, in their order. Networks were trained on three phases: without one of them none is asked."""
    if predictor is None:
        return [(None, ()) for _ in measured]
    asked = [n for n, each in enumerate(measured) if not _obstacle(each)]
    result: list[Answered] = [(None, _not_asked(each)) for each in measured]
    if not asked:
        return result
    progress(0.0, "cutting patches")
    patches = [cut_patch(prepared, prepared.case.lesions[n]) for n in asked]
    facts = predictor.model.facts
    settings = LesionPreparation.from_mapping(facts.preparation)
    inputs = np.stack(
        [input_of_cut(patch, settings, measured[n].name) for n, patch in zip(asked, patches, strict=True)]
    )
    answers = answers_of(predictor.run(inputs, part(progress, 0.2, 1.0)), facts.network)
    for n, patch, answer in zip(asked, patches, answers, strict=True):
        result[n] = (answer, patch.warnings)
    return result


def _obstacle(measured: LesionMeasurements) -> str:
    if measured.unmeasurable:
        return measured.unmeasurable
    missing = [role for role in PHASES if role not in measured.roles]
    return f"there is no usable {' and no usable '.join(missing)} phase of it" if missing else ""


def _not_asked(measured: LesionMeasurements) -> tuple[FindingWarning, ...]:
    why = _obstacle(measured)
    return (FindingWarning("no-network", f"no network was asked about {measured.name}: {why}"),) if why else ()
