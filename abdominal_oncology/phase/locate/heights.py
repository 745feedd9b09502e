"""Which height of the body one slice shows: a small network on the slice's features, its weights beside this file.

Heights are the phantoms' own: 0 mm at the dome of the right diaphragm, −134 at L1, −390 at the bladder, for a person
of average size. :mod:`.train_heights` makes the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

LEVELS_MM = np.arange(290.0, -511.0, -20.0)
"""Middles of the bins; one more bin after them stands for what is no trunk: heads, legs, test objects."""
ELSEWHERE = len(LEVELS_MM)
TURNS = ((False, False), (False, True), (True, False), (True, True))
"""How a slice may have been flipped (rows, columns); the first is as it should be."""
WEIGHTS = Path(__file__).with_name("heights.npz")
_PARTS = ("mean", "scale", "hidden", "hidden_bias", "level", "level_bias", "turn", "turn_bias")


@dataclass(frozen=True, eq=False)
class HeightModel:
    """One hidden layer; two answers: log-probabilities of the height's bin and of how the slice was flipped."""

    mean: Array
    scale: Array
    hidden: Array
    hidden_bias: Array
    level: Array
    level_bias: Array
    turn: Array
    turn_bias: Array

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.floating]]) -> HeightModel:
        return cls(**{name: np.asarray(arrays[name], dtype=np.float32) for name in _PARTS})

    def levels(self, features: Array) -> Array:
        """Log-probabilities (n, bins + 1) of features (n, COUNT)."""
        return log_softmax(self._inner(features) @ self.level + self.level_bias)

    def turns(self, features: Array) -> Array:
        """Log-probabilities (n, 4) of :data:`TURNS`."""
        return log_softmax(self._inner(features) @ self.turn + self.turn_bias)

    def save(self, path: Path) -> None:
        """As half floats: 30 kB."""
        with path.open("wb") as file:
            np.savez_compressed(file, **{name: getattr(self, name).astype(np.float16) for name in _PARTS})

    def _inner(self, features: Array) -> Array:
        inner: Array = np.maximum(((features - self.mean) * self.scale) @ self.hidden + self.hidden_bias, 0)
        return inner


def log_softmax(scores: Array) -> Array:
    """Over the last axis.

    >>> float(np.exp(log_softmax(np.zeros((1, 4), np.float32)))[0, 0])
    0.25
    """
    shifted = scores - scores.max(axis=-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


@cache
def bundled_model() -> HeightModel:
    """The model that ships with the package."""
    with np.load(WEIGHTS) as arrays:
        return HeightModel.from_arrays(arrays)
