"""Which coarse pixels are rectum and which tumour: five small convolutions, their weights beside this file.

:mod:`.train` makes the weights; this module needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from abdominal_oncology.rectal.localise.coarse import CHANNELS, Array

WIDTH = 8
LAYERS = ((5, 1), (3, 2), (3, 4), (3, 8), (1, 1))
"""Kernel and dilation of each convolution: together they see 64 mm around a pixel."""
RECTUM, TUMOUR = 0, 1
OUTPUTS = 2
WEIGHTS = Path(__file__).with_name("heat.npz")

_SLICES_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class HeatModel:
    """``kernels`` (out, in, k, k) and ``biases`` (out) of :data:`LAYERS`."""

    kernels: tuple[Array, ...]
    biases: tuple[Array, ...]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.floating]]) -> HeatModel:
        kernels, biases = (
            tuple(np.asarray(arrays[f"{name}{n}"], dtype=np.float32) for n in range(len(LAYERS)))
            for name in ("kernel", "bias")
        )
        return cls(kernels, biases)

    def save(self, path: Path) -> None:
        """As half floats: some ten kB."""
        named: dict[str, Any] = {f"kernel{n}": each.astype(np.float16) for n, each in enumerate(self.kernels)}
        named |= {f"bias{n}": each.astype(np.float16) for n, each in enumerate(self.biases)}
        with path.open("wb") as file:
            np.savez_compressed(file, **named)

    def probabilities(self, inputs: Array) -> Array:
        """Of rectum and of tumour, (slices, OUTPUTS, rows, columns)."""
        parts = [self._some(inputs[n : n + _SLICES_AT_ONCE]) for n in range(0, len(inputs), _SLICES_AT_ONCE)]
        return np.concatenate(parts)

    def _some(self, inputs: Array) -> Array:
        maps: Array = np.ascontiguousarray(inputs.transpose(1, 0, 2, 3))
        for n, ((_, dilation), kernel, bias) in enumerate(zip(LAYERS, self.kernels, self.biases, strict=True)):
            maps = _convolved(maps, kernel, dilation)
            maps += bias[:, None, None, None]
            if n + 1 < len(LAYERS):
                np.maximum(maps, 0, out=maps)
        result: Array = expit(maps).transpose(1, 0, 2, 3)
        return result


def _convolved(maps: Array, kernel: Array, dilation: int) -> Array:
    """(C, n, H, W) to (out, n, H, W), zeros beyond the edge: one matrix product per tap."""
    outputs, channels, side, _ = kernel.shape
    reach = side // 2 * dilation
    _, count, height, width = maps.shape
    padded = np.pad(maps, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    total = np.zeros((outputs, count * height * width), np.float32)
    for row in range(side):
        for column in range(side):
            j, i = row * dilation, column * dilation
            seen = padded[:, :, j : j + height, i : i + width].reshape(channels, -1)
            total += kernel[:, :, row, column] @ seen
    return total.reshape(outputs, count, height, width)


def parameter_count() -> int:
    """
    >>> parameter_count()
    2578
    """
    widths = [CHANNELS, *[WIDTH] * (len(LAYERS) - 1), OUTPUTS]
    return sum(side**2 * a * b + b for (side, _), a, b in zip(LAYERS, widths[:-1], widths[1:], strict=True))


@cache
def bundled_model() -> HeatModel:
    """The model that ships with the package."""
    with np.load(WEIGHTS) as arrays:
        return HeatModel.from_arrays(arrays)
