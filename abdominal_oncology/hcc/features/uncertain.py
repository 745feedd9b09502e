"""A measured number with its standard error, and the chance that the truth lies beyond a threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Uncertain:
    """``value`` ± ``error`` (one standard error); a value that could not be measured is NaN."""

    value: float
    error: float = 0.0
    unit: str = "HU"

    @property
    def known(self) -> bool:
        return math.isfinite(self.value)

    @property
    def interval(self) -> tuple[float, float]:
        """90 %."""
        return self.value - 1.645 * self.error, self.value + 1.645 * self.error

    def above(self, threshold: float, blur: float = 0.0) -> float:
        """Chance that the truth exceeds ``threshold``, itself blurred by ``blur`` (readers do not all see it at one
        place); 0 where nothing is known: what is not seen counts as absent.

        >>> Uncertain(12.0, 4.0).above(12.0), round(Uncertain(20.0, 4.0).above(12.0), 3)
        (0.5, 0.977)
        """
        if not self.known:
            return 0.0
        spread = math.hypot(self.error, blur)
        if spread == 0:
            return float(self.value > threshold)
        return 0.5 * math.erfc((threshold - self.value) / spread / math.sqrt(2))

    def below(self, threshold: float, blur: float = 0.0) -> float:
        """As :meth:`above`, for less."""
        return Uncertain(-self.value, self.error).above(-threshold, blur)

    def minus(self, other: Uncertain) -> Uncertain:
        """The difference of two independent values."""
        return Uncertain(self.value - other.value, math.hypot(self.error, other.error), self.unit)


UNKNOWN = Uncertain(float("nan"), float("nan"))


def quantiles(values: NDArray[np.floating[Any]], *shares: float) -> list[float]:
    """As numpy's, for values that all exist, without its detours: these are asked for hundreds of times per lesion.

    >>> quantiles(np.array([4.0, 1.0, 3.0, 2.0]), 0.5, 1.0)
    [2.5, 4.0]
    """
    places = [share * (values.size - 1) for share in shares]
    wanted = sorted({n for place in places for n in (math.floor(place), math.ceil(place))})
    ordered = np.partition(values, wanted)
    return [
        float(ordered[math.floor(place)]) * (1 - place % 1) + float(ordered[math.ceil(place)]) * (place % 1)
        for place in places
    ]


def median_error(values: NDArray[np.floating[Any]], effective: float) -> float:
    """Standard error of the median of values of which ``effective`` are independent."""
    low, high = quantiles(values, 0.25, 0.75)
    return 1.2533 * (high - low) / 1.349 / math.sqrt(max(effective, 1.0))
