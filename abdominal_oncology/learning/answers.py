"""What a network answered to the samples of one case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """Per sample: ``logits`` and calibrated ``probabilities`` (n, K), ``features`` (n, d), and how ``unfamiliar``.

    ``unfamiliar`` (n,) is the distance from the training data as a multiple of what 99 % of it stay under; None where
    the bundle has no such statistics. ``notes`` tell what happened on the way (a smaller batch, the CPU instead).
    """

    logits: Floats
    probabilities: Floats
    features: Floats
    unfamiliar: Floats | None = None
    notes: tuple[str, ...] = ()


def class_logits(logits: NDArray[np.floating[Any]]) -> Floats:
    """Logits (n, K) of all classes; one sigmoid output (n, 1) is the second of two classes against 0.

    >>> class_logits(np.array([[1.5]])).tolist()
    [[0.0, 1.5]]
    """
    values = np.asarray(logits, dtype=np.float32)
    return np.hstack([np.zeros_like(values), values]) if values.shape[1] == 1 else values
