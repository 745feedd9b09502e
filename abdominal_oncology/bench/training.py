"""Training throughput: the same network, loss and optimiser fed by our store and by monai's loaders, slices a second.

All are fed from the same decoded 512×512 slices in memory, which spares the loaders their files, and all draw the same
small rotations, shifts and zooms. What each keeps – our store, monai's cache – is made before the clock starts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.bench.dicom import abdomen_like
from abdominal_oncology.bench.measure import Contender, Timing, compare
from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.progress import Progress, part

if TYPE_CHECKING:
    from torch import Tensor, nn

    from abdominal_oncology.learning.store_source import StoreSource

Feed = Iterable[tuple["Tensor", "Tensor"]]

_CLASSES = ("non-contrast", "arterial", "venous", "delayed")
_WINDOW_HU = (50.0, 400.0)
_DEGREES, _SHIFT, _ZOOM, _CHANCE = 10, 0.05, 0.1, 0.5
"""Those of our pipeline ``phase``."""


@dataclass(frozen=True)
class Setting:
    """One comparison. ``epochs`` through ``slices`` are one run; ``workers`` are those of monai's loaders."""

    network: str
    size: int
    slices: int = 96
    batch: int = 32
    epochs: int = 1
    stored_size: int = 512
    workers: tuple[int, ...] = (0, 2)
    repeats: int = 3

    @property
    def task(self) -> str:
        return f"training {self.network} at {self.size} (per slice)"


SETTINGS = (
    Setting("small-cnn", 64, epochs=4),
    Setting("resnet-18", 64, epochs=2),
    Setting("efficientnet-b0", 128),
)


def run(only: str, progress: Progress) -> list[Timing]:
    """All settings whose task contains ``only``."""
    chosen = [setting for setting in SETTINGS if only.lower() in setting.task.lower()]
    timings: list[Timing] = []
    for number, setting in enumerate(chosen):
        timings += feeds(setting, part(progress, number / len(chosen), (number + 1) / len(chosen)))
    return timings


def feeds(setting: Setting, progress: Progress) -> list[Timing]:
    """Ours, the loaders, and the network alone on one batch that is ready: what no feeding can beat."""
    hu = abdomen_like(setting.slices, setting.stored_size)
    labels = np.arange(setting.slices) % len(_CLASSES)
    with TemporaryDirectory(prefix="bench-") as folder:
        ours = _ours(setting, hu, labels, Path(folder))
        rows = [
            _contender(setting, "our store and batch augmentation", ours, ours=True),
            _contender(setting, "network alone, one batch again and again", _one_batch(setting)),
        ]
        for workers in setting.workers:
            for cached in (False, True):
                name = f"monai {'CacheDataset' if cached else 'Dataset'}, DataLoader with {workers} workers"
                rows.append(_contender(setting, name, _monai(setting, hu, labels, workers, cached)))
        return compare(setting.task, rows, progress)


def _contender(setting: Setting, name: str, feed: Callable[[], Feed], ours: bool = False) -> Contender:
    """The clock runs over whole steps: batch, forward, backward, optimiser."""
    step = _stepper(setting)

    def train() -> None:
        for _ in range(setting.epochs):
            for inputs, target in feed():
                step(inputs, target)

    return Contender(name, train, ours, _slices_per_epoch(setting) * setting.epochs, setting.repeats)


def _slices_per_epoch(setting: Setting) -> int:
    return setting.slices // setting.batch * setting.batch


def _stepper(setting: Setting) -> Callable[[Tensor, Tensor], float]:
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    network = _network(setting.network).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)

    def step(inputs: Tensor, target: Tensor) -> float:
        optimizer.zero_grad(set_to_none=True)
        output = network(inputs.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(output[0] if isinstance(output, tuple) else output, target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(loss.detach())

    return step


def _network(name: str) -> nn.Module:
    from torch import nn

    from abdominal_oncology.learning.networks import find_network
    from abdominal_oncology.tasks import load_task

    if name == "small-cnn":
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(32, len(_CLASSES)),
        )
    load_task("phase")  # registers the networks
    return find_network("phase", name).build(len(_CLASSES))


def _ours(setting: Setting, hu: NDArray[np.int16], labels: NDArray[np.intp], folder: Path) -> Callable[[], Feed]:
    source = _store_source(setting, hu, labels, folder)
    epochs = count()

    def feed() -> Iterator[tuple[Tensor, Tensor]]:
        epoch = next(epochs)
        for indices in source.order(epoch):
            batch = source.load(indices, epoch)
            yield batch.inputs, batch.target

    return feed


def _store_source(setting: Setting, hu: NDArray[np.int16], labels: NDArray[np.intp], folder: Path) -> StoreSource:
    from abdominal_oncology.learning.config import TrainConfig
    from abdominal_oncology.learning.fit import recipe_augmentation
    from abdominal_oncology.learning.recipe import LossTerm, Recipe
    from abdominal_oncology.learning.samples import Labelled, Samples, build_store
    from abdominal_oncology.learning.store_source import StoreSource
    from abdominal_oncology.phase.prepare import SlicePreparation, prepare_slices

    preparation = SlicePreparation(size=setting.size, window_hu=_WINDOW_HU, crop="none")
    cases = (
        Labelled(str(n), str(n), _CLASSES[label], Samples(prepare_slices(hu[n : n + 1], preparation)))
        for n, label in enumerate(labels)
    )
    store = build_store(folder, cases, _CLASSES, preparation.to_mapping())
    recipe = Recipe(
        "phase",
        setting.network,
        _CLASSES,
        (LossTerm("focal"),),
        TrainConfig(epochs=1),
        augmentation="phase",
        batch=setting.batch,
    )
    return StoreSource(store, np.arange(len(store)), recipe, augment=recipe_augmentation(recipe))


def _one_batch(setting: Setting) -> Callable[[], Feed]:
    import torch

    inputs = torch.rand(setting.batch, 1, setting.size, setting.size)
    target = torch.arange(setting.batch) % len(_CLASSES)
    return lambda: [(inputs, target)] * (setting.slices // setting.batch)


def _monai(
    setting: Setting, hu: NDArray[np.int16], labels: NDArray[np.intp], workers: int, cached: bool
) -> Callable[[], Feed]:
    """As its tutorials have it: a dictionary per slice, fixed transforms, random transforms, a shuffling loader."""
    try:
        from monai import transforms
        from monai.data import CacheDataset, DataLoader, Dataset
    except ImportError as missing:
        raise MissingDependencyError("monai is not installed", remedy="pip install monai") from missing

    centre, width = _WINDOW_HU
    chance = {"keys": "image", "prob": _CHANCE}
    steps = transforms.Compose(
        [
            transforms.ScaleIntensityRanged("image", centre - width / 2, centre + width / 2, 0, 1, clip=True),
            transforms.Resized("image", (setting.size, setting.size), mode="area"),
            transforms.RandRotated(**chance, range_x=math.radians(_DEGREES)),
            transforms.RandAffined(**chance, translate_range=_SHIFT * setting.size, padding_mode="border"),
            transforms.RandZoomd(**chance, min_zoom=1 - _ZOOM, max_zoom=1 + _ZOOM),
        ]
    )
    items = [
        {"image": plane[None].astype(np.float32), "label": int(label)} for plane, label in zip(hu, labels, strict=True)
    ]
    data: Any = CacheDataset(items, steps, progress=False) if cached else Dataset(items, steps)
    loader: Any = DataLoader(
        data,
        batch_size=setting.batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )

    def feed() -> Iterator[tuple[Tensor, Tensor]]:
        for batch in loader:
            image = batch["image"]
            yield image.as_tensor() if hasattr(image, "as_tensor") else image, batch["label"]

    return feed
