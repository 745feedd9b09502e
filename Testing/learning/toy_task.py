"""A question small enough for tests: is the bright square on the left or on the right of a picture?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from abdominal_oncology.errors import WrongModalityError
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.config import TrainConfig
from abdominal_oncology.learning.finding import Finding, Provenance
from abdominal_oncology.learning.networks import register
from abdominal_oncology.learning.recipe import LossTerm, Recipe
from abdominal_oncology.learning.samples import Labelled, Samples
from abdominal_oncology.learning.task import About
from abdominal_oncology.learning.trainer import Output
from abdominal_oncology.progress import Progress, silent

SIDES = ("left", "right")


class ToyNetwork(nn.Module):
    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(4 * width, classes)

    def forward(self, inputs: Tensor) -> Output:
        features = self.body(inputs)
        return Output(self.head(features), features)


@register("toy", task="toy", input_shape=(1, 8, 8), source="this test")
def toy(classes: int, width: int = 8) -> nn.Module:
    return ToyNetwork(classes, width)


def picture(side: str, rng: np.random.Generator, noise: float = 0.25) -> np.ndarray:
    plane = rng.normal(0.3, noise, (8, 8))
    plane[2:6, slice(0, 4) if side == "left" else slice(4, 8)] += 0.4
    return (np.clip(plane, 0, 1) * 255).astype(np.uint8)


def labelled(count: int, seed: int = 0, noise: float = 0.25, per_patient: int = 2) -> Iterator[Labelled]:
    """Cases of three samples; two cases of a patient stand on the same side of the split."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        side = SIDES[index % 2]
        inputs = np.stack([picture(side, rng, noise) for _ in range(3)])[:, None]
        patient = index // per_patient
        split = ("train", "train", "validation", "train", "test")[patient % 5]
        yield Labelled(f"case-{index}", f"patient-{patient}", side, Samples(inputs), split)


def toy_recipe(**train: Any) -> Recipe:
    settings: dict[str, Any] = {"epochs": 4, "learning_rate": 0.02, "tensorboard": False, **train}
    return Recipe("toy", "toy", SIDES, (LossTerm("soft-cross-entropy"),), TrainConfig(**settings), batch=8)


class ToyTask:
    name = "toy"
    question = "side"
    roles: tuple[str, ...] = ("picture",)
    bundles: tuple[str, ...] = ()
    about: About = About()
    modality = Modality.OTHER

    def recipe(self, network: str = "", published: bool = False) -> Recipe:
        return toy_recipe()

    def samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        reader = case.image("picture")
        if reader.modality is Modality.MR:
            raise WrongModalityError("pictures are not MR", where=case.case)
        voxels = reader.read()
        if not np.isfinite(voxels.astype(float)).all():
            return Samples(voxels[:, None].astype(np.float32))
        return Samples(np.clip(voxels, 0, 255).astype(np.uint8)[:, None])

    def training_samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        return self.samples(case, preparation, progress)

    def phantoms(self, count: int, seed: int, recipe: Recipe, progress: Progress = silent) -> Iterator[Labelled]:
        yield from labelled(count // 3, seed)

    def decide(
        self, case: Case, samples: Samples, answers: Answers, facts: BundleFacts, provenance: Provenance
    ) -> Finding:
        mean = answers.probabilities.mean(axis=0)
        named = {name: float(p) for name, p in zip(facts.classes, mean, strict=True)}
        return Finding("side", case.case, facts.classes[int(mean.argmax())], named, provenance)
