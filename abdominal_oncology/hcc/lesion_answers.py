"""What the four networks answer about one lesion, read from the answers of their bundle. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.questions import COMPOSED, QUESTIONS
from abdominal_oncology.learning.answers import Answers


@dataclass(frozen=True)
class LesionAnswers:
    """Probabilities that the lesion is an HCC, has arterial hyperenhancement, a capsule, nonperipheral washout.

    What the network was not asked is NaN. ``unfamiliar`` is the distance from the training lesions as a multiple of
    what 99 % of them stay under.
    """

    p_hcc: float
    p_aphe: float
    p_ec: float
    p_npw: float
    unfamiliar: float | None = None
    notes: tuple[str, ...] = ()


def lesion_answers(answers: Answers) -> tuple[LesionAnswers, ...]:
    """One per sample, from the log-odds with which the features of a quartet or guided network begin.

    >>> two = Answers(np.zeros((1, 2)), np.full((1, 2), 0.5), np.float32([[0, 9, -9, 0, 3, 1]]))
    >>> [round(each.p_aphe, 3) for each in lesion_answers(two)]
    [1.0]
    """
    features = np.asarray(answers.features, dtype=np.float64)
    if features.ndim != 2 or features.shape[1] < len(QUESTIONS):
        raise InvalidInputError(
            f"features of shape {features.shape} do not begin with the log-odds of {', '.join(QUESTIONS)}",
            remedy="use a bundle whose network is quartet or guided, as abdominal-oncology guide makes it",
        )
    with np.errstate(over="ignore"):
        chances = 1 / (1 + np.exp(-features[:, : len(QUESTIONS)]))
    far = answers.unfamiliar
    return tuple(
        LesionAnswers(hcc, aphe, ec, npw, None if far is None else float(far[n]), answers.notes)
        for n, (hcc, aphe, ec, npw) in enumerate(chances.tolist())
    )


def answers_of(answers: Answers, network: str) -> tuple[LesionAnswers, ...]:
    """One per sample, of whatever ``network`` of this room."""
    return lesion_answers(answers) if network in COMPOSED else _of_one_network(answers)


def _of_one_network(answers: Answers) -> tuple[LesionAnswers, ...]:
    """A network for HCC alone says nothing of the features."""
    far = answers.unfamiliar
    return tuple(
        LesionAnswers(float(row[1]), nan, nan, nan, None if far is None else float(far[n]), answers.notes)
        for n, row in enumerate(answers.probabilities)
    )
