"""The operations by name: what each one changes, how strong it may be, and how its numbers are drawn for one item.

Nothing here touches an image. An operation's numbers are plain data in units that do not depend on the picture's size
(degrees, shares of its width and height; pixels only for blurs), so they can be kept, read and used again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from abdominal_oncology.errors import InvalidInputError

Numbers = dict[str, Any]  # one operation's parameters for one item: floats and nested lists of floats
Meaning = Literal["laterality", "values"]

ELASTIC_INTERVALS = 5  # spline intervals along each side of the picture
ELASTIC_CONTROLS = ELASTIC_INTERVALS + 3  # a cubic spline reaches one control beyond each end, and needs one more
GRID_STEPS = 5


@dataclass(frozen=True)
class Span:
    """What a drawn number may be, both ends included, and the shape of the table when there are several."""

    low: float
    high: float
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Operation:
    """Facts of an operation.

    ``changes`` says what moves: ``geometry`` takes masks along, ``intensity`` never touches them. ``endangers`` names
    what a label might mean that this operation does not keep: ``laterality`` (left and right), ``values`` (what a
    number stands for, such as Hounsfield units). ``strength`` is the largest amount drawn, in ``unit``; zero means the
    operation does nothing. ``highest`` is the largest strength allowed. Without a unit there is no strength to choose.
    ``numbers`` are what :attr:`draw` gives, by name.
    """

    name: str
    changes: Literal["geometry", "intensity"]
    unit: str
    strength: float
    highest: float
    draw: Callable[[np.random.Generator, float], Numbers]
    numbers: Mapping[str, Span]
    endangers: frozenset[Meaning] = frozenset()
    whole: bool = False

    def check_strength(self, strength: float) -> float:
        where = f"augmentation {self.name!r}"
        if not self.unit and strength != self.strength:
            raise InvalidInputError(f"there is no strength to choose, {strength!r} was given", where=where)
        if not math.isfinite(strength) or not 0 <= strength <= self.highest:
            raise InvalidInputError(
                f"a strength of {strength!r} was given", where=where, remedy=f"use 0 to {self.highest:g} ({self.unit})"
            )
        if self.whole and strength != int(strength):
            raise InvalidInputError(f"the strength counts {self.unit}, {strength!r} is not whole", where=where)
        return strength


def _flip(rng: np.random.Generator, strength: float) -> Numbers:
    return {}


def _rotation(rng: np.random.Generator, strength: float) -> Numbers:
    return {"degrees": _even(rng, strength)}


def _affine(rng: np.random.Generator, strength: float) -> Numbers:
    return {"deviation": rng.uniform(-strength, strength, (2, 2)).round(6).tolist()}


def _shift(rng: np.random.Generator, strength: float) -> Numbers:
    return {"right": _even(rng, strength), "down": _even(rng, strength)}


def _scale(rng: np.random.Generator, strength: float) -> Numbers:
    return {"factor": 1 + _even(rng, strength)}


def _crop(rng: np.random.Generator, strength: float) -> Numbers:
    cut = rng.uniform(0, strength)
    return {"side": _plain(1 - cut), "left": _plain(rng.uniform(0, cut)), "top": _plain(rng.uniform(0, cut))}


def _elastic(rng: np.random.Generator, strength: float) -> Numbers:
    right, down = rng.uniform(-strength, strength, (2, ELASTIC_CONTROLS, ELASTIC_CONTROLS)).round(6).tolist()
    return {"right": right, "down": down}


def _optical(rng: np.random.Generator, strength: float) -> Numbers:
    return {"barrel": _even(rng, strength)}


def _grid(rng: np.random.Generator, strength: float) -> Numbers:
    widths = 1 + rng.uniform(-strength, strength, (2, GRID_STEPS))
    columns, rows = (widths / widths.sum(axis=1, keepdims=True)).round(6).tolist()
    return {"columns": columns, "rows": rows}


def _clahe(rng: np.random.Generator, strength: float) -> Numbers:
    return {"clip_limit": _plain(1 + rng.uniform(0, strength))}


def _brightness(rng: np.random.Generator, strength: float) -> Numbers:
    return {"offset": _even(rng, strength)}


def _contrast(rng: np.random.Generator, strength: float) -> Numbers:
    return {"factor": 1 + _even(rng, strength)}


def _motion_blur(rng: np.random.Generator, strength: float) -> Numbers:
    return {"length_px": _plain(rng.uniform(0, strength)), "degrees": _plain(rng.uniform(0, 180))}


def _median_blur(rng: np.random.Generator, strength: float) -> Numbers:
    return {"radius_px": int(rng.integers(1, int(strength) + 1))}


def _gaussian_blur(rng: np.random.Generator, strength: float) -> Numbers:
    return {"sigma_px": _plain(rng.uniform(0, strength))}


def _even(rng: np.random.Generator, strength: float) -> float:
    return _plain(rng.uniform(-strength, strength))


def _plain(value: float) -> float:
    return round(float(value), 6)


_LATERALITY: frozenset[Meaning] = frozenset({"laterality"})
_VALUES: frozenset[Meaning] = frozenset({"values"})
_SHARE = "share of the side"
_ANGLE = Span(-180, 180)
_NET = (ELASTIC_CONTROLS, ELASTIC_CONTROLS)
_FOLD = round(1 / ELASTIC_INTERVALS / 3, 3)  # a cubic spline with controls below a third of their spacing cannot fold
_ALL = (
    Operation("horizontal_flip", "geometry", "", 1, 1, _flip, {}, _LATERALITY),
    # a vertical flip is a horizontal one turned by 180°, so it mirrors as well
    Operation("vertical_flip", "geometry", "", 1, 1, _flip, {}, _LATERALITY),
    Operation("rotation", "geometry", "degrees", 15, 180, _rotation, {"degrees": _ANGLE}),
    # below 0.5 the matrix can neither collapse the picture nor mirror it
    Operation(
        "affine", "geometry", "deviation from identity", 0.1, 0.4, _affine, {"deviation": Span(-0.4, 0.4, (2, 2))}
    ),
    Operation("shift", "geometry", _SHARE, 0.06, 0.5, _shift, {"right": Span(-0.5, 0.5), "down": Span(-0.5, 0.5)}),
    Operation("scale", "geometry", "share of the size", 0.1, 0.9, _scale, {"factor": Span(0.1, 1.9)}),
    Operation(
        "crop",
        "geometry",
        "share of the side cut away",
        0.2,
        0.9,
        _crop,
        {"side": Span(0.1, 1), "left": Span(0, 0.9), "top": Span(0, 0.9)},
    ),
    Operation(
        "elastic",
        "geometry",
        _SHARE,
        0.03,
        _FOLD,
        _elastic,
        {"right": Span(-_FOLD, _FOLD, _NET), "down": Span(-_FOLD, _FOLD, _NET)},
    ),
    # below a third, the radius read from grows with the radius written to, out to the corners
    Operation(
        "optical_distortion",
        "geometry",
        "change of radius at the corner",
        0.15,
        0.3,
        _optical,
        {"barrel": Span(-0.3, 0.3)},
    ),
    Operation(
        "grid_distortion",
        "geometry",
        "share of a cell",
        0.3,
        0.9,
        _grid,
        {"columns": Span(0, 1, (GRID_STEPS,)), "rows": Span(0, 1, (GRID_STEPS,))},
    ),
    Operation("clahe", "intensity", "clip limit above 1", 3, 40, _clahe, {"clip_limit": Span(1, 41)}, _VALUES),
    Operation("brightness", "intensity", "share of the range", 0.2, 1, _brightness, {"offset": Span(-1, 1)}, _VALUES),
    Operation(
        "contrast", "intensity", "share of the contrast", 0.2, 0.95, _contrast, {"factor": Span(0.05, 1.95)}, _VALUES
    ),
    Operation(
        "motion_blur",
        "intensity",
        "pixels of path",
        7,
        31,
        _motion_blur,
        {"length_px": Span(0, 31), "degrees": _ANGLE},
    ),
    Operation(
        "median_blur", "intensity", "pixels of radius", 2, 3, _median_blur, {"radius_px": Span(0, 3)}, whole=True
    ),
    Operation("gaussian_blur", "intensity", "pixels of sigma", 1.5, 6, _gaussian_blur, {"sigma_px": Span(0, 6)}),
)
OPERATIONS: Mapping[str, Operation] = MappingProxyType({each.name: each for each in _ALL})


def operation(name: str) -> Operation:
    """
    >>> operation("brightness").changes, sorted(operation("brightness").endangers)
    ('intensity', ['values'])
    """
    if name not in OPERATIONS:
        raise InvalidInputError(
            f"no augmentation is called {name!r}", where="augmentation", remedy=f"choose from {', '.join(OPERATIONS)}"
        )
    return OPERATIONS[name]
