"""From a finished training to what its bundle says of it: calibration, limits, figures with intervals, seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from abdominal_oncology import __version__
from abdominal_oncology.learning.bundle.facts import BundleFacts, Unfamiliar
from abdominal_oncology.learning.calibration import least_surprising
from abdominal_oncology.learning.fit import Fitted, StoreAnswers, answer_store
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.learning.networks import find_network
from abdominal_oncology.learning.samples import SampleStore
from abdominal_oncology.learning.uncertainty import bootstrap
from abdominal_oncology.learning.unfamiliar import fit_unfamiliar
from abdominal_oncology.plain import as_plain

SOFTWARE = f"AbdominalOncology {__version__}, torch {torch.__version__.split('+')[0]}"

_MOST_FOR_STATISTICS = 4000
_SHARE_ANSWERED = 0.95
_TIMED_SAMPLES = 16


def facts_of(
    fitted: Fitted,
    store: SampleStore,
    training: Sequence[int],
    held_out: Sequence[int],
    *,
    name: str,
    version: str,
    trained_on: str,
    command: str,
    intended_use: str = "",
    limits: str = "",
    references: tuple[str, ...] = (),
    device: str | torch.device = "cpu",
) -> tuple[BundleFacts, StoreAnswers]:
    """Facts measured on the cases ``held_out``, and the answers they were measured with.

    The temperature makes probabilities of cases honest; below ``thresholds["abstain"]`` the least certain twentieth of
    the held-out cases is not answered.
    """
    recipe = fitted.recipe
    answers = answer_store(fitted.network, store, held_out, device)
    temperature = case_temperature(answers, store)
    predictions = answers.by_case(store, temperature)
    facts = BundleFacts(
        name,
        version,
        recipe.task,
        recipe.network,
        store.classes,
        store.shape,
        trained_on,
        find_network(recipe.task, recipe.network).lasting(recipe.network_options),
        dict(recipe.preparation),
        {},
        round(temperature, 5),
        {"abstain": abstain_below(predictions)},
        familiar_features(fitted.network, store, training, recipe.train.seed, device),
        {
            "command": command,
            "recipe": as_plain(recipe.to_mapping()),
            "seed": recipe.train.seed,
            "software": SOFTWARE,
            "cases": len(training),
            "samples": len(store.of_cases(training)),
        },
        results_of(predictions),
        seconds_per_sample(fitted.network, store.shape, device),
        intended_use,
        limits,
        "AbdominalOncology",
        references,
    )
    return facts, answers


def results_of(predictions: Predictions) -> dict[str, Any]:
    """Every metric with its 95 % interval by patient, and on how many cases."""
    estimates = bootstrap(predictions)
    return {"cases": len(predictions)} | {
        name: {"value": _number(each.value), "low": _number(each.low), "high": _number(each.high)}
        for name, each in estimates.items()
    }


def case_temperature(answers: StoreAnswers, store: SampleStore) -> float:
    """The temperature under which a case's mean probability is most honest.

    Where a case is one sample this is the usual temperature; the mean of many is less certain than each of them.
    """

    def surprise(temperature: float) -> float:
        predictions = answers.by_case(store, temperature)
        of_truth = predictions.probabilities[np.arange(len(predictions)), predictions.truth]
        return float(-np.log(np.maximum(of_truth, 1e-12)).mean())

    return least_surprising(surprise)


def abstain_below(predictions: Predictions) -> float:
    """The probability that the least certain twentieth of these cases stays under."""
    best = np.sort(predictions.probabilities.max(axis=1))
    lowest = float(np.quantile(best, 1 - _SHARE_ANSWERED))
    return round(max(lowest, 1.0 / len(predictions.classes)), 4)


def familiar_features(
    network: nn.Module, store: SampleStore, training: Sequence[int], seed: int, device: str | torch.device = "cpu"
) -> Unfamiliar:
    """Where the features of these cases lie, or of some thousand of them."""
    rng = np.random.default_rng(seed)
    picked = np.asarray(training)[rng.permutation(len(training))]
    sizes = np.array([store.cases[i].stop - store.cases[i].start for i in picked])
    picked = picked[: max(2, int(np.searchsorted(np.cumsum(sizes), _MOST_FOR_STATISTICS)))]
    answers = answer_store(network, store, [int(i) for i in picked], device)
    return fit_unfamiliar(answers.features, answers.owners)


def seconds_per_sample(
    network: nn.Module, shape: Sequence[int], device: str | torch.device = "cpu"
) -> Mapping[str, float]:
    """By device, in a batch, the better of two."""
    kind = torch.device(device).type
    memory = torch.channels_last if len(shape) == 3 else torch.channels_last_3d
    inputs = torch.zeros(_TIMED_SAMPLES, *shape, device=device).contiguous(memory_format=memory)
    network = network.to(device).eval()
    taken = []
    with torch.inference_mode():
        network(inputs)
        for _ in range(2):
            started = time.perf_counter()
            network(inputs).logits.sum().item()
            taken.append(time.perf_counter() - started)
    return {kind: round(min(taken) / _TIMED_SAMPLES, 6)}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
