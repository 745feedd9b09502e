"""What a label row says about the other classes: one-hot, SORD on a line or a circle, PL-SORD, learned (paper 000).

A table of label rows is (K, K): row t is the distribution that a network is asked to give for class t. All of them but
one-hot spread some mass over classes near the true one, so that mistaking venous for delayed costs less than mistaking
it for non-contrast. Torch losses that use these rows are in :mod:`abdominal_oncology.phase.encoding_losses`; here is
numpy alone. Why the learned rows end on the most confused class: Docs/explanation/label-encodings.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import InvalidInputError

Rows = NDArray[np.float64]
Metric = Callable[[float, float], float]

_MOST_CLASSES_TO_ORDER = 8  # 2,520 circular orders; ten classes have 181,440


def one_hot(classes: int) -> Rows:
    """All mass on the true class (eq. 1): classes are unrelated.

    >>> one_hot(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return np.eye(_checked(classes, least=1))


def sord(ranks: Sequence[float] | NDArray[np.float64], metric: Metric) -> Rows:
    """Softmax over −metric(rank of the true class, rank of the other) (eq. 2).

    >>> sord([0.0, 1.0, 3.0], lambda a, b: abs(a - b)).round(2).tolist()
    [[0.71, 0.26, 0.04], [0.24, 0.67, 0.09], [0.04, 0.11, 0.84]]
    """
    return sord_from_distances([[metric(float(true), float(other)) for other in ranks] for true in ranks])


def sord_from_distances(distances: ArrayLike) -> Rows:
    """The same with the φ of eq. 2 as a (K, K) table; row t holds the distances from class t.

    An infinite distance off the diagonal is a class never to be confused.
    """
    phi = np.asarray(distances, dtype=np.float64)
    if phi.ndim != 2 or phi.shape[0] != phi.shape[1] or not phi.size:
        raise InvalidInputError(f"distances between K classes are a K × K table, not {phi.shape}")
    if np.isnan(phi).any() or not np.isfinite(np.diag(phi)).all() or (phi < 0).any():
        raise InvalidInputError("distances between classes are numbers ≥ 0, finite from a class to itself")
    return _softmax(-phi)


def linear_sord(classes: int, s: float = 1.0) -> Rows:
    """φ = (s · |k − t|)²: classes stand in a line, such as stages of a disease. The paper prints no formula for it."""
    ranks = np.arange(_checked(classes, least=1), dtype=np.float64)
    return sord_from_distances((_scale(s) * (ranks[:, None] - ranks)) ** 2)


def circular_sord(ranks_rad: Sequence[float] | NDArray[np.float64], s: float = 1.0) -> Rows:
    """φ = (s · shortest angle)² (eq. 3–5): classes stand on a circle, as phases do once contrast has washed out.

    Angles are in radians. s → ∞ gives one-hot, s = 0 uniform. The paper's captions measure the distance in turns
    ("1.25π" there is 0.625 here) or half-turns ("1π" there is 1 here).

    >>> circular_sord(equally_spaced(4), s=1.0)[0].round(3).tolist()  # NC, arterial, venous, delayed
    [0.855, 0.073, 0.0, 0.073]
    """
    ranks = np.asarray(ranks_rad, dtype=np.float64)
    if ranks.ndim != 1 or not np.isfinite(ranks).all():
        raise InvalidInputError("ranks on a circle are one finite angle in radians per class")
    angle = np.mod(ranks - ranks[:, None], 2 * math.pi)
    return sord_from_distances((_scale(s) * np.minimum(angle, 2 * math.pi - angle)) ** 2)


def equally_spaced(classes: int) -> NDArray[np.float64]:
    """Angles in radians of K classes in their own order around the circle."""
    return 2 * math.pi * np.arange(_checked(classes, least=1)) / classes


def circular_orders(classes: int) -> tuple[tuple[int, ...], ...]:
    """Every way to seat the classes around a circle, rotations and reversals being the same: (K − 1)!/2 for K ≥ 3.

    Class 0 comes first, and an order is kept where it does not come after its own reversal.

    >>> circular_orders(4)
    ((0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 1, 3))
    """
    _checked(classes, least=3)
    if classes > _MOST_CLASSES_TO_ORDER:
        raise InvalidInputError(
            f"{classes} classes have {math.factorial(classes - 1) // 2:,} circular orders",
            remedy=f"order at most {_MOST_CLASSES_TO_ORDER} classes, or learn the label rows directly",
        )
    # without the leading 0, a reversal swaps the first and the last class: the smaller of the two is kept
    return tuple((0, *rest) for rest in permutations(range(1, classes)) if rest[0] < rest[-1])


def ranks_of_order(order: Sequence[int]) -> NDArray[np.float64]:
    """The angle in radians of each class when the classes sit equally spaced in this order.

    >>> (ranks_of_order((0, 2, 1, 3)) / np.pi).tolist()  # class 2 sits next to class 0
    [0.0, 1.0, 0.5, 1.5]
    """
    if sorted(order) != list(range(len(order))):
        raise InvalidInputError(f"an order names each class once, from 0 on; this one is {tuple(order)}")
    ranks = np.empty(len(order))
    ranks[list(order)] = equally_spaced(len(order))
    return ranks


def pl_sord_candidates(classes: int, s: float = 1.0) -> NDArray[np.float64]:
    """Circular label rows of every order in :func:`circular_orders`: (candidates, K, K)."""
    return np.stack([circular_sord(ranks_of_order(order), s) for order in circular_orders(classes)])


def pl_sord_weights(lambdas: ArrayLike) -> NDArray[np.float64]:
    """σ(λ), one weight per candidate order: the softmax runs over the candidates (eq. 7; its printed K is a misprint).

    >>> pl_sord_weights([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    values = np.asarray(lambdas, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise InvalidInputError("PL-SORD takes one finite λ per candidate order")
    return _softmax(values)


def pl_sord(lambdas: ArrayLike, s: float = 1.0, classes: int = 4) -> Rows:
    """The rows that PL-SORD amounts to: Σ σ(λ)_j · rows of order j, because cross-entropy is linear in the label."""
    weights, candidates = pl_sord_weights(lambdas), pl_sord_candidates(classes, s)
    if len(weights) != len(candidates):
        raise InvalidInputError(f"{classes} classes have {len(candidates)} circular orders, not {len(weights)}")
    return np.asarray(np.einsum("c,cij->ij", weights, candidates))


def learned_encoding(alphas: ArrayLike, s: float) -> Rows:
    """s for the true class, the rest shared as softmax(α_t) over the others in increasing order (eq. 8–9).

    ``alphas`` is (K, K − 1): one row of logits per true class.

    >>> learned_encoding(np.zeros((3, 2)), s=0.8).round(3).tolist()
    [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]
    """
    values = np.asarray(alphas, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] != values.shape[0] - 1:
        raise InvalidInputError(f"a learned encoding of K classes has K rows of K − 1 logits, not {values.shape}")
    if not np.isfinite(values).all():
        raise InvalidInputError("logits of a learned encoding are finite")
    rows = np.full((len(values), len(values)), checked_share(s))
    rows[other_classes(len(values))] = ((1 - s) * _softmax(values)).ravel()
    return rows


def other_classes(classes: int) -> NDArray[np.bool_]:
    """True off the diagonal; row t then lists the classes other than t in increasing order."""
    return ~np.eye(_checked(classes, least=2), dtype=bool)


def checked_share(s: float) -> float:
    """The mass a learned encoding leaves on the true class; 0.855 is that of circular SORD with s = 1."""
    if not 0 < s <= 1:
        raise InvalidInputError(f"the true class keeps a share in (0, 1], not {s}")
    return s


def soft_cross_entropy(logits: ArrayLike, label_rows: ArrayLike) -> float:
    """−Σ y_i log softmax(z)_i in nats, mean over the rows.

    >>> round(math.exp(soft_cross_entropy([[0.0, 0.0]], [[0.5, 0.5]])), 6)
    2.0
    """
    z, y = np.atleast_2d(np.asarray(logits, dtype=np.float64)), np.atleast_2d(np.asarray(label_rows, dtype=np.float64))
    if z.shape != y.shape:
        raise InvalidInputError(f"logits {z.shape} and label rows {y.shape} differ in shape")
    shifted = z - z.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-(y * log_p).sum(axis=1).mean())


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def _checked(classes: int, least: int) -> int:
    if classes < least:
        raise InvalidInputError(f"this encoding needs at least {least} classes, not {classes}")
    return classes


def _scale(s: float) -> float:
    if not (math.isfinite(s) and s >= 0):
        raise InvalidInputError(
            f"the scale s of a label encoding is a finite number ≥ 0, not {s}", remedy="use one_hot"
        )
    return s
