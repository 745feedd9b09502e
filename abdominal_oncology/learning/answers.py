"""What a network answered to the samples of one case."""

from __future__ import annotations

from dataclasses import dataclass

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
