"""Fitting one network: recipe + store → run folder → the best network and what it answers to cases it never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor, nn

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.answers import class_logits
from abdominal_oncology.learning.augment import Pipeline
from abdominal_oncology.learning.checkpoint import load_checkpoint
from abdominal_oncology.learning.engine import Engine, SingleDevice
from abdominal_oncology.learning.loss_table import build_loss
from abdominal_oncology.learning.metrics import Predictions, metrics_for
from abdominal_oncology.learning.networks import find_network
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import SampleStore
from abdominal_oncology.learning.store_source import Augment, Indices, StoreSource, as_float
from abdominal_oncology.learning.trainer import RunResult, train
from abdominal_oncology.progress import Progress, part, silent

_LARGEST_BATCH = 64
_SETTLING = 32


@dataclass(frozen=True)
class Fitted:
    """A finished training: its run, and the network with the best weights (the last, where nothing was validated)."""

    recipe: Recipe
    run: RunResult
    network: nn.Module


@dataclass(frozen=True)
class StoreAnswers:
    """What a network says to cases of a store: per sample ``logits`` (n, K) and ``features`` (n, d)."""

    logits: NDArray[np.float32]
    features: NDArray[np.float32]
    owners: NDArray[np.int64]

    def by_case(self, store: SampleStore, temperature: float = 1.0) -> Predictions:
        """One row per case: the mean of its samples' probabilities."""
        cases, member = np.unique(self.owners, return_inverse=True)
        per_sample = softmax(self.logits.astype(np.float64) / temperature, axis=1)
        sums = np.zeros((len(cases), per_sample.shape[1]))
        np.add.at(sums, member, per_sample)
        probabilities = sums / np.bincount(member)[:, None]
        picked = [store.cases[index] for index in cases]
        truth = [store.classes.index(case.label) for case in picked]
        return Predictions(probabilities, truth, [case.patient for case in picked], store.classes)


def build_network(recipe: Recipe, input_shape: Sequence[int]) -> nn.Module:
    """The recipe's network with weights drawn from its seed, in the memory format that is faster on this hardware."""
    torch.manual_seed(recipe.train.seed)
    network = find_network(recipe.task, recipe.network).build(len(recipe.classes), **recipe.network_options)
    wanted = torch.channels_last if len(input_shape) == 3 else torch.channels_last_3d
    moved: nn.Module = network.to(memory_format=wanted)  # type: ignore[call-overload]
    return moved


def fit(
    recipe: Recipe,
    store: SampleStore,
    training: Sequence[int],
    validation: Sequence[int],
    folder: Path,
    *,
    device: str | torch.device = "cpu",
    engine: Engine | None = None,
    start: Mapping[str, Tensor] | None = None,
    progress: Progress = silent,
) -> Fitted:
    """Train on the cases ``training`` of the store; ``validation`` (may be empty) chooses the best weights.

    ``start`` are weights to begin with, as far as they fit; without them the recipe's ``before`` is trained first, and
    without either it begins with random ones. Starting it again on the same folder goes on where it stopped.
    """
    _check(recipe, store, training, validation)
    engine = engine or SingleDevice(device, recipe.train.precision)
    if recipe.before is not None and start is None:
        first = recipe.before.with_train(seed=recipe.train.seed)
        earlier = part(progress, 0.0, 0.5)
        start = fit(
            first, store, training, validation, folder / "before", engine=engine, progress=earlier
        ).network.state_dict()
        progress = part(progress, 0.5, 1.0)
    network = build_network(recipe, store.shape)
    if start is not None:
        load_fitting(network, start)
        _settle(network, store, training)
    loss = build_loss(recipe.loss, len(recipe.classes), _feature_count(network, store.shape))
    source = StoreSource(
        store,
        store.of_cases(training),
        recipe,
        soft=loss.takes_rows,
        device=engine.device,
        augment=recipe_augmentation(recipe),
    )

    def validate(model: nn.Module) -> Mapping[str, float]:
        answers = answer_store(model, store, validation, engine.device)
        predictions = answers.by_case(store)
        weights = np.ones((1, len(predictions)))
        return {name: float(metric(predictions, weights)[0]) for name, metric in metrics_for(store.classes).items()}

    run = train(
        network,
        loss,
        source,
        recipe.train,
        folder,
        validate=validate if validation else None,
        engine=engine,
        progress=progress,
    )
    best = folder / "best.pt"
    network.load_state_dict(load_checkpoint(best if best.exists() else folder / "last.pt")["model"])
    return Fitted(recipe, run, network.eval())


def load_fitting(network: nn.Module, weights: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Take the weights that have a place of the same name and shape; the names of those places that stay as they were.

    A network with ``weights_from`` first makes of them what it can use (and see :func:`_settle`). A last layer of
    another width begins anew; a network of which less than half would be taken is another network.
    """
    own = network.state_dict()
    adapt = getattr(network, "weights_from", None)
    if adapt is not None:
        weights = adapt(weights)
    taken = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    left = tuple(name for name in own if name not in taken)
    if len(taken) < len(own) / 2:
        raise InvalidInputError(
            f"these weights fit {len(taken)} of {len(own)} places only: they are of another network",
            remedy="start from a bundle with the same network; its last layer may differ",
        )
    network.load_state_dict(taken, strict=False)
    return left


@torch.inference_mode()
def _settle(network: nn.Module, store: SampleStore, training: Sequence[int]) -> None:
    """A network that begins with another's weights may look at some training samples first (its method ``settle``)."""
    settle = getattr(network, "settle", None)
    if settle is None:
        return
    picked = store.of_cases(training)
    some = picked[np.linspace(0, len(picked) - 1, min(_SETTLING, len(picked))).astype(np.intp)]
    settle(as_float(torch.from_numpy(store.inputs[some])))


@torch.inference_mode()
def answer_store(
    network: nn.Module, store: SampleStore, cases: Sequence[int], device: torch.device | str = "cpu"
) -> StoreAnswers:
    """Logits and features of every sample of these cases."""
    picked = store.of_cases(cases)
    network = network.to(device).eval()
    logits, features = [], []
    for start in range(0, len(picked), _LARGEST_BATCH):
        inputs = torch.from_numpy(store.inputs[picked[start : start + _LARGEST_BATCH]]).to(device)
        output = network(as_float(inputs))
        logits.append(class_logits(output.logits.float().cpu().numpy()))
        features.append(output.features.float().cpu().numpy())
    return StoreAnswers(np.concatenate(logits), np.concatenate(features), store.owners[picked])


def recipe_augmentation(recipe: Recipe) -> Augment | None:
    """The recipe's augmentation for a source of batches; None where it has none."""
    pipeline = Pipeline.from_config(recipe.augmentation)
    if not pipeline.choices:
        return None

    def augment(batch: Tensor, showings: Indices, epoch: int) -> Tensor:
        drawn = pipeline.draw([tuple(each) for each in showings.tolist()], seed=recipe.train.seed, epoch=epoch)
        return pipeline.apply(batch, drawn, mask_channels=recipe.mask_channels)

    return augment


def _feature_count(network: nn.Module, shape: Sequence[int]) -> int:
    """How wide the features are that losses see: what the network declares, where training differs, or one look."""
    declared = getattr(network, "feature_count", None)
    if declared is not None:
        return int(declared)
    network.eval()
    with torch.no_grad():
        return int(network(torch.zeros(1, *shape)).features.shape[1])


def _check(recipe: Recipe, store: SampleStore, training: Sequence[int], validation: Sequence[int]) -> None:
    if recipe.classes != store.classes:
        raise InvalidInputError(
            f"the samples were prepared for {', '.join(store.classes)}, the recipe is for {', '.join(recipe.classes)}",
            where=store.folder,
        )
    found = {store.cases[index].label for index in training}
    if len(found) < 2:
        raise InvalidInputError(
            f"training needs at least two classes, and the training cases have {', '.join(found) or 'none'}",
            where=store.folder,
            remedy="label more cases, or split them anew",
        )
    shared = {store.cases[i].patient for i in training} & {store.cases[i].patient for i in validation}
    if shared:
        raise InvalidInputError(
            f"patient {min(shared)!r} is in training and in validation", remedy="split by patient (split command)"
        )
