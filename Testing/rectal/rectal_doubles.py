"""Untrained networks that answer differently for different volumes, facts to go with them, and made-up answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.learning.networks import find_network
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.rectal import networks  # noqa: F401  importing registers them
from abdominal_oncology.rectal.operating import operating_table

SIZE, DEPTH = 32, 8
T2_HEADER = {
    "Modality": "MR",
    "SeriesDescription": "AX T2 TSE",
    "EchoTime": 100.0,
    "RepetitionTime": 4000.0,
    "MagneticFieldStrength": 3.0,
}


def facts(**changes: Any) -> BundleFacts:
    values: dict[str, Any] = {
        "name": "untrained",
        "version": "1.0.0",
        "task": "rectal",
        "network": "f-rmc5",
        "classes": ("T2", "T3"),
        "input_shape": (2, DEPTH, SIZE, SIZE),
        "trained_on": "nothing",
        "network_options": {"aggregation": "bilinear", "filters": 4},
        "preparation": {"size": SIZE, "depth": DEPTH},
        "decision": operating_table(held_out()),
    }
    return BundleFacts(**{**values, **changes})


def held_out() -> Predictions:
    """Twenty T2 and twenty T3 cases whose scores overlap."""
    t2, t3 = np.linspace(0.05, 0.7, 20), np.linspace(0.3, 0.95, 20)
    chances = np.concatenate([t2, t3])
    return Predictions(
        np.column_stack([1 - chances, chances]), [0] * 20 + [1] * 20, [str(n) for n in range(40)], ("T2", "T3")
    )


def network(made_by: BundleFacts, seed: int = 3, loudness: float = 60.0) -> nn.Module:
    """Random weights whose answers move: norms that have seen something, and a loud last layer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built: Any = find_network("rectal", made_by.network).build(len(made_by.classes), **made_by.network_options)
        built.train()
        with torch.no_grad():
            for _ in range(3):
                built.encoder(torch.rand(2, 1, *made_by.input_shape[1:]))
            built.head.weight.mul_(loudness)
    return built.eval()


@dataclass
class Model:
    """A model that was never on disk; each ``network`` is made anew and has the same weights."""

    facts: BundleFacts
    seed: int = 3
    sha256: str = "0" * 64
    weights_sha256: str = "f" * 64
    onnx_path: Path | None = None
    made: int = 0

    def network(self) -> nn.Module:
        self.made += 1
        return network(self.facts, self.seed)


def predictor(seed: int = 3, **changes: Any) -> Predictor:
    return Predictor(Model(facts(**changes), seed), "cpu", "torch")


def answers(*chances: float, unfamiliar: float | None = None, notes: tuple[str, ...] = ()) -> Answers:
    """One row per probability of T3."""
    rows = np.array([[1 - each, each] for each in chances], np.float32)
    strange = None if unfamiliar is None else np.full(len(rows), unfamiliar, np.float32)
    return Answers(np.log(rows), rows, rows, strange, notes)


def moved(image: Image, **changes: Any) -> Image:
    """The image with other voxels, grid, modality or source."""
    given = {"voxels": image.voxels, "geometry": image.geometry, "modality": image.modality, "source": image.source}
    values = given | changes
    return Image(values["voxels"], values["geometry"], values["modality"], values["source"])


def sagittal(image: Image) -> Image:
    """The same voxels as slices that follow each other from right to left."""
    grid = image.geometry
    turned = Geometry(grid.shape, grid.spacing_mm, grid.origin_mm, ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)))
    return moved(image, geometry=turned)


def block_mask(image: Image, k: slice, j: slice, i: slice) -> Image:
    voxels = np.zeros(image.geometry.shape, np.uint8)
    voxels[k, j, i] = 1
    return Image(voxels, image.geometry, Modality.MASK)
