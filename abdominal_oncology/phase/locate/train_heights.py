"""Makes the weights of :mod:`.heights` from phantoms. A few minutes on two cores:

``python -m abdominal_oncology.phase.locate.train_heights abdominal_oncology/phase/locate/heights.npz``
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.phantom.ct_slices import training_slices
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.locate.features import COUNT, mirrored, slice_features
from abdominal_oncology.phase.locate.heights import ELSEWHERE, LEVELS_MM, TURNS, Array, HeightModel, log_softmax
from abdominal_oncology.phase.locate.strangers import strange_slice
from abdominal_oncology.phase.phantom import sample_seconds
from abdominal_oncology.progress import Progress, part, silent

_SIZE = 80
_PER_ANATOMY, _LEVELS = 64, 20
_HIDDEN = 48
_STRANGE_SHARE = 0.08
_SOFT_MM = 16.0
"""Neighbouring bins are nearly as right: the target is a bell of this width."""


@dataclass(frozen=True, eq=False)
class Examples:
    """``features`` (n, COUNT) and ``level_mm`` (n), NaN for what is no trunk."""

    features: Array
    level_mm: NDArray[np.float64]

    def targets(self) -> Array:
        """Soft bins (n, bins + 1)."""
        strange = np.isnan(self.level_mm)
        bells = np.zeros((len(self.level_mm), ELSEWHERE + 1), dtype=np.float32)
        away = np.where(strange, 0.0, self.level_mm)[:, None] - LEVELS_MM
        bells[:, :ELSEWHERE] = np.exp(-0.5 * (away / _SOFT_MM) ** 2)
        bells[strange] = 0
        bells[strange, ELSEWHERE] = 1
        result: Array = bells / bells.sum(axis=1, keepdims=True)
        return result


def make_examples(seed: int, anatomies: int, progress: Progress = silent) -> Examples:
    """Features of phantom slices from neck to thigh in every phase, and of things that are no trunk."""
    phases = list(Phase)
    rng = np.random.default_rng([seed, 17])
    features, levels = [], []

    def seconds(own: np.random.Generator) -> float | None:
        return sample_seconds(phases[own.integers(len(phases))], own)

    def keep(hu: NDArray[np.float32], pixel_mm: float, level_mm: float) -> None:
        seen = slice_features(hu, pixel_mm, rng.normal(0, 0.03, 4))
        if seen is not None:
            features.append(seen)
            levels.append(level_mm)

    batches = training_slices(
        seed,
        anatomies * _PER_ANATOMY,
        seconds=seconds,
        size=_SIZE,
        per_anatomy=_PER_ANATOMY,
        levels=_LEVELS,
        extent="neck-to-thigh",
    )
    for n, batch in enumerate(batches):
        progress(n / anatomies, f"anatomy {n + 1} of {anatomies}")
        for hu, level_mm, pixel_mm in zip(batch.hu, batch.level_mm, batch.pixel_mm, strict=True):
            keep(hu.astype(np.float32), float(pixel_mm), float(level_mm))
        for _ in range(round(_STRANGE_SHARE * _PER_ANATOMY)):
            keep(strange_slice(rng, _SIZE), 5.9, np.nan)
    return Examples(np.stack(features), np.asarray(levels))


def train(examples: Examples, seed: int = 0, epochs: int = 160, progress: Progress = silent) -> HeightModel:
    """Adam on both answers at once; box noise and forgotten cells keep it from leaning on single cells."""
    rng = np.random.default_rng([seed, 18])
    mean = examples.features.mean(axis=0)
    scale = 1 / np.maximum(examples.features.std(axis=0), 0.05)
    wide = _HIDDEN
    shapes = {
        "hidden": (COUNT, wide),
        "hidden_bias": (wide,),
        "level": (wide, ELSEWHERE + 1),
        "level_bias": (ELSEWHERE + 1,),
        "turn": (wide, len(TURNS)),
        "turn_bias": (len(TURNS),),
    }
    weights = {
        name: rng.normal(0, np.sqrt(2 / shape[0]) if len(shape) > 1 else 0.0, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    moments = {name: np.zeros((2, *shape), np.float32) for name, shape in shapes.items()}
    targets = examples.targets()
    trunk = ~np.isnan(examples.level_mm)
    count, batch = len(targets), 256
    steps = epochs * max(count // batch, 1)
    for step in range(1, steps + 1):
        chosen = rng.integers(count, size=batch)
        turn = int(rng.integers(len(TURNS)))
        x = mirrored(examples.features[chosen], *TURNS[turn])
        x = (x - mean) * scale
        x += rng.normal(0, 0.25, x.shape).astype(np.float32)
        x *= (rng.random(x.shape) > 0.15) / 0.85
        gradients = _gradients(
            weights, x.astype(np.float32), targets[chosen], trunk[chosen], turn, use_levels=turn == 0
        )
        rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * step / steps))
        for name, gradient in gradients.items():
            gradient = gradient + 1e-4 * weights[name]
            first, second = moments[name]
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            weights[name] -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        if step % 200 == 0:
            progress(step / steps, "training")
    return HeightModel.from_arrays({"mean": mean, "scale": scale, **weights})


def _gradients(
    weights: dict[str, Array], x: Array, targets: Array, trunk: NDArray[np.bool_], turn: int, *, use_levels: bool
) -> dict[str, Array]:
    """Of the mean cross-entropy; levels are learned on slices that lie as they should, turns on trunks."""
    inner = np.maximum(x @ weights["hidden"] + weights["hidden_bias"], 0)
    level_error = np.zeros_like(targets)
    if use_levels:
        level_error = np.exp(log_softmax(inner @ weights["level"] + weights["level_bias"])) - targets
    turn_error = np.exp(log_softmax(inner @ weights["turn"] + weights["turn_bias"]))
    turn_error[:, turn] -= 1
    turn_error *= 0.5 * trunk[:, None]
    level_error /= len(x)
    turn_error /= len(x)
    back = (level_error @ weights["level"].T + turn_error @ weights["turn"].T) * (inner > 0)
    return {
        "hidden": x.T @ back,
        "hidden_bias": back.sum(axis=0),
        "level": inner.T @ level_error,
        "level_bias": level_error.sum(axis=0),
        "turn": inner.T @ turn_error,
        "turn_bias": turn_error.sum(axis=0),
    }


def main(arguments: Sequence[str] | None = None, progress: Progress = silent) -> None:
    parser = argparse.ArgumentParser(prog="train_heights", description="make the weights of the height model")
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--anatomies", type=int, default=220)
    options = parser.parse_args(arguments)
    examples = make_examples(options.seed, options.anatomies, part(progress, 0.0, 0.9))
    train(examples, options.seed, progress=part(progress, 0.9, 1.0)).save(options.output)


if __name__ == "__main__":
    main()
