"""Slices through a network, some at a time, until the vote is decided: the next are read while these are voting,
unless these may be the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.axial import AxialView
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.phase.prepare import SlicePreparation, prepare_slices
from abdominal_oncology.phase.voting import Poll, Vote
from abdominal_oncology.progress import Progress, silent

if TYPE_CHECKING:
    from abdominal_oncology.learning.predictor import Predictor

CHUNK = 16
"""Slices at once: enough to keep a network busy, 8 MB of HU."""

SEQUENTIAL_CHUNK = 12
"""As many as an easy scan needs for a sequential test."""


@dataclass(frozen=True)
class Voted:
    """The slices that voted, in their random order, with what the network said of each."""

    positions: tuple[int, ...]
    answers: Answers
    vote: Vote


def vote_on(
    reader: SliceReader,
    view: AxialView,
    order: Sequence[int],
    predictor: Predictor,
    preparation: SlicePreparation,
    error_rate: float | None = None,
    progress: Progress = silent,
) -> Voted:
    """Slices in ``order`` until the vote cannot change, or (with ``error_rate``) until it hardly can."""
    size = CHUNK if error_rate is None else SEQUENTIAL_CHUNK
    chunks = [list(order[start : start + size]) for start in range(0, len(order), size)]
    facts = predictor.model.facts
    poll = Poll(len(order), len(facts.classes), error_rate)
    answers: list[Answers] = []
    done: list[int] = []

    def prepare(n: int) -> NDArray[np.uint8]:
        return prepare_slices(view.apply(reader.read(chunks[n])), preparation)

    with ThreadPoolExecutor(1, thread_name_prefix="slice-reader") as pool:
        ready = pool.submit(prepare, 0)
        for n, chunk in enumerate(chunks):
            inputs = ready.result()
            decides = poll.could_end(len(chunk))  # then nobody may want the next
            if not decides:
                ready = pool.submit(prepare, n + 1)
            progress(len(done) / len(order), f"{len(done)} of {len(order)} slices have voted")
            answers.append(predictor.run(inputs))
            poll.add(answers[-1].probabilities)
            done += chunk
            if poll.ending() is not None:
                break
            if decides:
                ready = pool.submit(prepare, n + 1)
    progress(1.0, f"{len(done)} of {len(order)} slices have voted")
    return Voted(tuple(done), joined(answers), poll.result())


def joined(parts: Sequence[Answers]) -> Answers:
    """Answers to several batches as those to one; a note is told once."""

    def rows(of: Callable[[Answers], Any]) -> Any:
        return np.concatenate([of(each) for each in parts])

    strange = [each.unfamiliar for each in parts if each.unfamiliar is not None]
    return Answers(
        rows(lambda each: each.logits),
        rows(lambda each: each.probabilities),
        rows(lambda each: each.features),
        np.concatenate(strange) if len(strange) == len(parts) else None,
        tuple(dict.fromkeys(note for each in parts for note in each.notes)),
    )
