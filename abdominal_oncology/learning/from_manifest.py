"""Cases of a manifest, opened; and all of them prepared as the samples of one store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import AbdominalOncologyError, InvalidInputError
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.imaging.reference import open_reference
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.manifest import CaseRow, Manifest, check_no_leak
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import (
    Labelled,
    Samples,
    SampleStore,
    attempt,
    build_store,
    fingerprint,
    open_store,
)
from abdominal_oncology.learning.task import Task
from abdominal_oncology.progress import Progress, silent

PRESENCE = ("absent", "present")
"""What a label column says that a recipe asks for besides its question."""


def open_case(manifest: Manifest, row: CaseRow, modality: Modality | None = None) -> Case:
    """The case of a row; headers are read, voxels are not. Errors name the row and the column.

    ``modality`` is what images must be; a volume file that does not say what it measures is taken as that.
    """
    index = manifest.rows.index(row)
    opened: dict[str, dict[str, SliceReader]] = {"image": {}, "mask": {}}
    for kind, paths in (("image", row.images), ("mask", row.masks)):
        for role, path in paths.items():
            try:
                reader = open_reference(manifest.folder, path, modality=Modality.MASK if kind == "mask" else modality)
            except AbdominalOncologyError as error:
                cell = manifest.error(index, f"{kind}.{role}", "")
                raise type(error)(error.problem, where=f"{cell.where}: {path}", remedy=error.remedy) from error
            opened[kind][role] = reader
    return Case(row.case, row.patient, row.study, opened["image"], opened["mask"], row.slices)


def store_of_manifest(
    manifest: Manifest, task: Task, recipe: Recipe, folder: Path, progress: Progress = silent
) -> SampleStore:
    """Every labelled case of the manifest, prepared; what ``folder`` holds already is used if it fits."""
    usable = _usable(manifest, task, recipe)
    facts = _facts_of_manifest(usable, recipe)
    if (folder / "store.json").exists():
        kept = open_store(folder)
        if kept.preparation == facts and kept.classes == recipe.classes:
            return _with_splits(kept, usable)
    return build_store(folder, _prepared(usable, task, recipe, progress), recipe.classes, facts)


def labelled_cases(
    manifest: Manifest, task: Task, recipe: Recipe, progress: Progress = silent
) -> tuple[dict[str, object], Iterator[Labelled]]:
    """The cases that have the recipe's label, prepared one by one when asked for; and what a store of them depends on,
    for rooms that keep more than samples.
    """
    usable = _usable(manifest, task, recipe)
    return _facts_of_manifest(usable, recipe), _prepared(usable, task, recipe, progress)


def _usable(manifest: Manifest, task: Task, recipe: Recipe) -> Manifest:
    check_no_leak(manifest)
    usable = manifest.with_label(recipe.question or task.question, recipe.classes)
    for index, row in enumerate(usable.rows):
        missing = [role for role in task.roles if role not in row.images]
        if missing:
            raise usable.error(index, f"image.{missing[0]}", f"case {row.case!r} names no such image")
        odd = [each for each in recipe.also if row.labels.get(each, "") not in ("", *PRESENCE)]
        if odd:
            raise usable.error(index, f"label.{odd[0]}", f"{row.labels[odd[0]]!r} is not {' or '.join(PRESENCE)}")
    return usable


def _prepared(usable: Manifest, task: Task, recipe: Recipe, progress: Progress) -> Iterator[Labelled]:
    question = recipe.question or task.question
    for index, row in enumerate(usable.rows):
        progress(index / len(usable.rows), f"preparing case {row.case} ({index + 1} of {len(usable.rows)})")
        prepare = partial(_prepare, usable, row, task, recipe)
        made = attempt(row.case, row.patient, row.labels[question], row.split, prepare)
        yield replace(made, rows=_label_rows(row, question, recipe, made))


def _label_rows(row: CaseRow, question: str, recipe: Recipe, made: Labelled) -> NDArray[np.float32] | None:
    """The class, and what the recipe asks for besides; NaN where the manifest leaves it open."""
    if not recipe.also or not isinstance(made.samples, Samples):
        return None
    known = {PRESENCE[0]: 0.0, PRESENCE[1]: 1.0, "": np.nan}
    one_hot = [float(row.labels[question] == name) for name in recipe.classes]
    values = [*one_hot, *(known[row.labels.get(each, "")] for each in recipe.also)]
    return np.tile(np.array(values, np.float32), (len(made.samples.inputs), 1))


def store_of_phantoms(
    count: int, seed: int, task: Task, recipe: Recipe, folder: Path, progress: Progress = silent
) -> SampleStore:
    """About ``count`` synthetic samples; the same request finds them ready."""
    if count < 2:
        raise InvalidInputError(f"{count} phantom samples are too few to train on")
    facts = _facts(recipe, phantoms=count, seed=seed)
    if (folder / "store.json").exists():
        kept = open_store(folder)
        if kept.preparation == facts and kept.classes == recipe.classes:
            return kept
    return build_store(folder, task.phantoms(count, seed, recipe, progress), recipe.classes, facts)


def _facts_of_manifest(usable: Manifest, recipe: Recipe) -> dict[str, object]:
    return _facts(recipe, cases=fingerprint([_key(row) for row in usable.rows]))


def _facts(recipe: Recipe, **data: object) -> dict[str, object]:
    """What a kept store must agree with: it holds the labels of one question."""
    asked: dict[str, object] = {"question": recipe.question} if recipe.question else {}
    asked |= {"also": list(recipe.also)} if recipe.also else {}
    return {"preparation": dict(recipe.preparation), **data, **asked}


def _prepare(manifest: Manifest, row: CaseRow, task: Task, recipe: Recipe) -> Samples:
    return task.training_samples(open_case(manifest, row, task.modality), recipe.preparation)


def _key(row: CaseRow) -> list[object]:
    return [row.case, row.patient, dict(row.images), dict(row.masks), dict(row.labels), list(row.slices)]


def _with_splits(store: SampleStore, manifest: Manifest) -> SampleStore:
    """Dividing the cases anew needs no new preparation."""
    splits = {row.case: row.split for row in manifest.rows}
    return replace(store, cases=tuple(replace(case, split=splits[case.case]) for case in store.cases))
