"""What slice networks are trained on, and how: phantoms as labelled samples, and the two recipes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.learning.config import TrainConfig
from abdominal_oncology.learning.recipe import LossTerm, Recipe
from abdominal_oncology.learning.samples import Labelled, Samples
from abdominal_oncology.phantom.ct_slices import training_slices
from abdominal_oncology.phase.labels import SAMPLING_VIEW, Phase, view_of
from abdominal_oncology.phase.phantom import sample_seconds
from abdominal_oncology.phase.prepare import SlicePreparation, prepare_slices
from abdominal_oncology.phase.seconds_to_rows import phase_rows
from abdominal_oncology.progress import Progress, silent

_PER_ANATOMY, _PER_PERSON, _LEVELS = 192, 4, 24
_FEWEST_ANATOMIES = 4
_WHOLE_TRUNK_EVERY = 4
_VALIDATION_SHARE = 8
_PHANTOM_SIZE_FACTOR = 1.5


def default_recipe(network: str = "efficientnet-b0") -> Recipe:
    """What works here: soft labels by the second, a rate that Adam can bear, slices cropped to the body."""
    return Recipe(
        "phase",
        network,
        tuple(Phase),
        (LossTerm("soft-cross-entropy"),),
        TrainConfig(epochs=6, optimizer="adamw", learning_rate=1e-3, weight_decay=1e-4, warmup=0.1, clip_norm=5.0),
        preparation=SlicePreparation().to_mapping(),
        augmentation="phase",
        batch=64,
    )


def published_recipe(network: str = "efficientnet-b0") -> Recipe:
    """As papers 001 and 002 print it: four classes, Adam at 1e-2, 15 epochs, binary cross-entropy over classes."""
    return Recipe(
        "phase",
        network,
        SAMPLING_VIEW.classes,
        (LossTerm("binary-cross-entropy"),),
        TrainConfig(epochs=15, optimizer="adam", learning_rate=1e-2, warmup=0.1),
        preparation=SlicePreparation(size=224, crop="none").to_mapping(),
        augmentation="none",
        batch=64,
    )


def class_rows(seconds: NDArray[np.float64], classes: tuple[str, ...]) -> NDArray[np.float32]:
    """Label rows for the recipe's classes, in their order."""
    return view_of(classes).probabilities(phase_rows(seconds)).astype(np.float32)


def phantom_samples(
    count: int, seed: int, recipe: Recipe, progress: Progress = silent, per_person: int = _PER_PERSON
) -> Iterator[Labelled]:
    """About ``count`` slices of phantoms, every phase equally often; ``per_person`` slices are one scan and one case.

    One anatomy in eight is for validation; a quarter of them show the whole trunk instead of the abdomen.
    """
    preparation = SlicePreparation.from_mapping(recipe.preparation)
    wanted = list(view_of(recipe.classes).groups)

    def draw(rng: np.random.Generator) -> float | None:
        return sample_seconds(wanted[rng.integers(len(wanted))], rng)

    size = round(preparation.size * _PHANTOM_SIZE_FACTOR / 16) * 16 if preparation.size <= 160 else preparation.size
    # few slices still come from several anatomies, so that one is left for validation
    per_anatomy = max(per_person, min(_PER_ANATOMY, count // _FEWEST_ANATOMIES) // per_person * per_person)
    anatomies = -(-count // per_anatomy)
    for anatomy in range(anatomies):
        progress(anatomy / anatomies, f"phantom anatomy {anatomy + 1} of {anatomies}")
        extent = "neck-to-thigh" if anatomy % _WHOLE_TRUNK_EVERY == _WHOLE_TRUNK_EVERY - 1 else "abdomen"
        batches = training_slices(
            seed * 1_000_003 + anatomy,
            min(per_anatomy, count),
            seconds=draw,
            size=size,
            per_anatomy=per_anatomy,
            levels=max(_LEVELS, per_person),
            extent=extent,
            per_person=per_person,
        )
        for batch in batches:
            inputs = prepare_slices(batch.hu, preparation)
            rows = class_rows(batch.seconds, recipe.classes)
            is_validation = anatomy % _VALIDATION_SHARE == min(_VALIDATION_SHARE, anatomies) - 1
            split = "validation" if is_validation else "train"
            for person in np.unique(batch.person):
                own = batch.person == person
                label = recipe.classes[int(rows[own][0].argmax())]
                name = f"phantom-{seed}-{anatomy}-{person}"
                yield Labelled(name, f"anatomy-{seed}-{anatomy}", label, Samples(inputs[own]), split, rows[own])
    progress(1.0, f"{anatomies} phantom anatomies")
