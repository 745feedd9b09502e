"""Soft labels from the second of a scan: near a border between two phases the label belongs to both."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from abdominal_oncology.phase.labels import SECONDS, Phase

_BLUR = 0.07


def phase_rows(seconds: ArrayLike, blur: float = _BLUR) -> NDArray[np.float32]:
    """Label rows (n, 5) in the order of :class:`Phase`; NaN seconds mean no contrast.

    The borders are conventions, so a second counts as known to ``blur`` (a share of itself, log-normal) only.

    >>> phase_rows([np.nan, 35.0, 60.0, 80.0]).round(1).tolist()
    [[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.0, 0.5], [0.0, 0.0, 1.0, 0.0, 0.0]]
    """
    times = np.asarray(seconds, dtype=np.float64)
    plain = np.isnan(times)
    log_times = np.log(np.where(plain, 1.0, np.maximum(times, 1e-3)))
    rows = np.zeros((len(times), len(Phase)), np.float32)
    order = list(Phase)
    for phase, (start, stop) in SECONDS.items():
        last = phase is Phase.DELAYED  # nothing comes after it
        upper = np.ones(len(times)) if last else ndtr((np.log(stop) - log_times) / blur)
        rows[:, order.index(phase)] = upper - ndtr((np.log(start) - log_times) / blur)
    rows[:, order.index(Phase.OTHERS)] = np.clip(1 - rows.sum(axis=1), 0, 1)
    rows[plain] = 0
    rows[plain, order.index(Phase.NON_CONTRAST)] = 1
    return rows
