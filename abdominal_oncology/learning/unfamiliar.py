"""How unlike the training data an input is, by where its features lie.

The distance is Mahalanobis along the leading principal directions of the training features, and the size of what those
directions leave over beside its usual size; both count equally. It is given as a multiple of what 99 % of the training
cases stay under: above 1 is unlike the training data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.bundle.facts import Unfamiliar

_SHARE_INSIDE = 0.99


def fit_unfamiliar(features: ArrayLike, owners: ArrayLike, most_directions: int = 32) -> Unfamiliar:
    """Statistics of features (n, d) of cases; a case counts by the mean distance of its samples ``owners`` (n,)."""
    points = np.asarray(features, dtype=np.float64)
    owners = np.asarray(owners)
    if points.ndim != 2 or len(points) < 2 or not np.isfinite(points).all():
        raise InvalidInputError("out-of-distribution statistics need two or more finite rows of features")
    mean = points.mean(axis=0)
    centred = points - mean
    rank = min(most_directions, len(points) - 1, points.shape[1])
    values, vectors = np.linalg.eigh(centred.T @ centred / (len(points) - 1))
    leading = np.maximum(values[::-1][:rank], 1e-12)
    directions = vectors[:, ::-1][:, :rank].T / np.sqrt(leading)[:, None]
    left = centred - (centred @ directions.T * leading) @ directions
    rest = float(max(np.sqrt((left**2).sum(axis=1).mean()), 1e-6))
    raw = Unfamiliar(_tuple(mean), tuple(_tuple(row) for row in directions), rest, 1.0)
    of_samples = distances(points, raw)
    of_cases = np.array([of_samples[owners == owner].mean() for owner in np.unique(owners)])
    return Unfamiliar(raw.mean, raw.directions, rest, float(np.quantile(of_cases, _SHARE_INSIDE)))


def distances(features: ArrayLike, statistics: Unfamiliar) -> NDArray[np.float32]:
    """Distance of each row as a multiple of the training limit."""
    mean, directions = statistics.arrays
    centred = np.asarray(features, dtype=np.float32) - mean
    # einsum, not @: a product this small is no work for BLAS threads, which then wait in a loop on the network's cores
    scores = np.einsum("nd,rd->nr", centred, directions)
    # a direction's own length is 1/√variance: dividing by its square undoes the whitening
    back = directions / (directions**2).sum(axis=1, keepdims=True)
    left = centred - np.einsum("nr,rd->nd", scores, back)
    squared = (scores**2).mean(axis=1) + (left**2).sum(axis=1) / statistics.rest**2
    result: NDArray[np.float32] = (np.sqrt(squared / 2) / statistics.limit).astype(np.float32)
    return result


def _tuple(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)
