"""Lesions to learn from: their patches in a store, and beside it what was measured on each and what it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.files import write_atomically
from abdominal_oncology.hcc.finding_parts import fusion_values
from abdominal_oncology.hcc.fusion import PARTS
from abdominal_oncology.hcc.lesion_input import LesionPreparation
from abdominal_oncology.hcc.lirads.categorise import categorise
from abdominal_oncology.hcc.measure import LesionMeasurements
from abdominal_oncology.hcc.questions import CLASSES, FEATURES, QUESTIONS, check_question
from abdominal_oncology.hcc.training import HCC_SHARE, labelled_phantom, phantom_lesions
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import Labelled, Samples, SampleStore, build_store, open_store
from abdominal_oncology.progress import Progress, silent

OFF_THE_SCALE = 0.6
"""The score of a lesion that has no LR-1 to LR-5: as LR-3, since about a third of either are HCC."""

MEASURED = PARTS["hf+lf"]
_LIRADS = "lirads"


@dataclass(frozen=True)
class LesionSet:
    """``store`` is labelled for HCC, its rows hold all four answers. ``measured`` (n, 7) are those named in
    :data:`MEASURED`; ``lirads`` (n,) the measured LI-RADS category / 5.
    """

    store: SampleStore
    measured: NDArray[np.float64]
    lirads: NDArray[np.float64]

    @property
    def patients(self) -> tuple[str, ...]:
        return tuple(case.patient for case in self.store.cases)

    @property
    def sizes_mm(self) -> NDArray[np.float64]:
        """(n,) largest diameters as measured."""
        return self.measured[:, MEASURED.index("size")]

    def truth(self, question: str = "hcc") -> NDArray[np.int64]:
        """(n,) 1 where it is an HCC, or has the feature."""
        column = 1 if question == "hcc" else 2 + FEATURES.index(check_question(question))
        return self.store.rows[:, column].astype(np.int64)

    def asked(self, question: str) -> SampleStore:
        """The same samples labelled for one of the four networks, in the folds of HCC."""
        labels = [CLASSES[question][answer] for answer in self.truth(question)]
        cases = tuple(replace(case, label=label) for case, label in zip(self.store.cases, labels, strict=True))
        return replace(self.store, cases=cases, classes=CLASSES[question], has_rows=False)

    def in_store(self, store: SampleStore) -> LesionSet:
        """The same lesions in another division into folds."""
        return replace(self, store=store)


def lesion_set(folder: Path, lesions: Iterable[Labelled], recipe: Recipe, facts: dict[str, Any]) -> LesionSet:
    """Every lesion prepared and measured into ``folder``; what it holds already is used if ``facts`` are the same.

    The samples' context must be the lesion's :class:`~abdominal_oncology.hcc.measure.LesionMeasurements`, and the
    recipe ask for HCC and ``also`` for the features.
    """
    if recipe.classes != CLASSES["hcc"] or recipe.also != FEATURES:
        raise InvalidInputError(f"a set of lesions answers {', '.join(QUESTIONS)}", where=folder)
    facts = {**facts, "measured": list(MEASURED)}
    table = folder / "measured.json"
    if (folder / "store.json").exists() and table.exists():
        kept = open_store(folder)
        if kept.preparation == facts:
            return _with_table(kept, json.loads(table.read_text(encoding="utf-8")))
    rows: dict[str, dict[str, float]] = {}
    store = build_store(folder, _measuring(lesions, rows), recipe.classes, facts)
    write_atomically(table, json.dumps(rows, indent=1).encode())
    return _with_table(store, rows)


def phantom_set(
    folder: Path,
    count: int,
    seed: int,
    recipe: Recipe,
    progress: Progress = silent,
    *,
    size_set: str = "small",
    hcc_share: float = HCC_SHARE,
) -> LesionSet:
    """Synthetic lesions with what is measured on them. The recipe asks for HCC and also for the features."""
    settings = LesionPreparation.from_mapping(recipe.preparation)
    facts = {
        "preparation": dict(recipe.preparation),
        "phantoms": count,
        "seed": seed,
        "sizes": size_set,
        "hcc": hcc_share,
    }
    lesions = phantom_lesions(count, seed, size_set=size_set, hcc_share=hcc_share, progress=progress)
    cases = (labelled_phantom(each, settings, recipe, measure=True) for each in lesions)
    return lesion_set(folder, cases, recipe, facts)


def _measuring(lesions: Iterable[Labelled], rows: dict[str, dict[str, float]]) -> Iterator[Labelled]:
    for lesion in lesions:
        if not isinstance(lesion.samples, Samples):
            yield lesion
            continue
        measured = lesion.samples.context
        assert isinstance(measured, LesionMeasurements)
        problem = _useless(lesion, measured)
        if problem:
            yield replace(lesion, samples=InvalidInputError(problem, where=lesion.case))
            continue
        score = categorise(measured.observation()).category
        lirads = None if score is None else score.score
        rows[lesion.case] = fusion_values(measured, None) | {_LIRADS: OFF_THE_SCALE if lirads is None else lirads}
        yield lesion


def _useless(lesion: Labelled, measured: LesionMeasurements) -> str:
    if measured.published is None:
        return f"it cannot be measured: {measured.unmeasurable}"
    if lesion.rows is None or not np.isfinite(lesion.rows).all():
        return f"it is not labelled for all of {', '.join(QUESTIONS)}"
    return ""


def _with_table(store: SampleStore, rows: dict[str, dict[str, float]]) -> LesionSet:
    return LesionSet(
        store,
        np.array([[rows[case.case][name] for name in MEASURED] for case in store.cases], np.float64),
        np.array([rows[case.case][_LIRADS] for case in store.cases], np.float64),
    )


def fusion_rows(chances: Mapping[str, NDArray[np.float64]], lesions: LesionSet) -> NDArray[np.float64]:
    """(n, 11) inputs of the fusion: the networks' probabilities by question, then what was measured."""
    return np.column_stack([*(chances[question] for question in QUESTIONS), lesions.measured])
