"""Looks at a volume: under eight views (as it is, turned, mirrored, enlarged), by one network or several.

Views are pictures that a scanner could have made of the same patient. The mean over them is the answer (test-time
augmentation), their spread tells how much it hangs on how the patient lay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.augment import Views, apply, named_views
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.runtime import as_floats
from abdominal_oncology.progress import Progress, part, silent
from abdominal_oncology.rectal.finding import Look

EIGHT, ONE = "tta8", "none"
"""Names of sets of views."""

_MARKS_CHANNEL = 1


@dataclass(frozen=True)
class Looked:
    """All answers to one volume, network by network and view by view, and what each row is."""

    answers: Answers
    looks: tuple[Look, ...]


def look(
    predictors: Sequence[Predictor], inputs: NDArray[np.uint8], views: str = EIGHT, progress: Progress = silent
) -> Looked:
    """Ask every predictor about one input (2, D, H, W) under all views. All must know the same classes."""
    if not predictors:
        raise InvalidInputError("there is no network to ask")
    chosen = named_views(views)
    answers = [
        predictor.run(
            viewed(inputs, chosen), part(progress, n / len(predictors), (n + 1) / len(predictors)), len(chosen)
        )
        for n, predictor in enumerate(predictors)
    ]
    named = len(predictors) > 1
    looks = tuple(
        Look(view, f"{n + 1}: {predictor.model.facts.name}" if named else "")
        for n, predictor in enumerate(predictors)
        for view in view_names(chosen)
    )
    return Looked(joined(answers), looks)


def viewed(inputs: NDArray[np.uint8], views: Views) -> Iterator[NDArray[np.float32]]:
    """One input (C, D, H, W) as (1, C, D, H, W) floats under each view in turn; marks move as marks."""
    volume = torch.from_numpy(as_floats(inputs[None]))
    drawn = views.drawn(1)
    marks = [_MARKS_CHANNEL] if len(inputs) > _MARKS_CHANNEL else []
    for item in drawn.items:
        yield apply(volume, replace(drawn, items=(item,)), mask_channels=marks).numpy()


def view_names(views: Views) -> tuple[str, ...]:
    """
    >>> view_names(named_views("tta8"))[:3], view_names(named_views("tta8"))[-1]
    (('as it is', 'turned 10°', 'turned -10°'), 'mirrored, enlarged 1.1')
    """
    return tuple(
        ", ".join(_word(name, numbers) for name, numbers in item.items()) or "as it is" for item in views.items
    )


def joined(several: Sequence[Answers]) -> Answers:
    """The answers of several networks one after the other. Features of different networks cannot be compared and go."""
    if len(several) == 1:
        return several[0]
    classes = {each.probabilities.shape[1] for each in several}
    if len(classes) != 1:
        raise InvalidInputError("networks that answer together must know the same classes")
    strange = [each.unfamiliar for each in several if each.unfamiliar is not None]
    rows = sum(len(each.logits) for each in several)
    return Answers(
        np.concatenate([each.logits for each in several]),
        np.concatenate([each.probabilities for each in several]),
        np.zeros((rows, 0), np.float32),
        np.concatenate(strange) if len(strange) == len(several) else None,
        tuple(dict.fromkeys(note for each in several for note in each.notes)),
    )


def _word(name: str, numbers: Mapping[str, Any]) -> str:
    if name == "rotation":
        return f"turned {numbers['degrees']:g}°"
    if name == "scale":
        return f"enlarged {numbers['factor']:g}"
    return {"horizontal_flip": "mirrored"}.get(name, name)
