"""CT slices as the slice networks read them: cropped to the body, windowed, averaged down, one byte per pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.resize import resize_planes, resize_slices

_BODY_ABOVE_HU = -300
_STRIDE = 4
_LEAST_SHARE = 0.02
_THIN = 2
_CROSS = ndimage.generate_binary_structure(2, 1)
_STEP = 8
_CHORD = 0.45
_ELLIPSE_AT_CHORD = (1 - _CHORD**2) ** 0.5


@dataclass(frozen=True)
class SlicePreparation:
    """How a slice becomes ``size`` × ``size`` bytes. Kept in a bundle as a plain table.

    ``crop`` ``body`` takes the square around the body, so that the field of view does not matter. ``fraction`` is the
    share of slices read for a finding (the R of the source paper), ``training_slices`` the most that one case gives to
    a training. ``region`` reads only the slab that holds liver and kidneys, where it can be located.
    """

    size: int = 128
    window_hu: tuple[float, float] = (50.0, 400.0)
    crop: Literal["body", "none"] = "body"
    fraction: float = 0.3
    training_slices: int = 32
    region: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size < 8:
            raise InvalidInputError(f"slices of {self.size} pixels are too small to show anything")
        if not 0 < self.fraction <= 1:
            raise InvalidInputError(f"fraction is a share of the slices, above 0 and up to 1, not {self.fraction:g}")
        if self.crop not in ("body", "none"):
            raise InvalidInputError(f"crop is 'body' or 'none', not {self.crop!r}")
        if self.training_slices < 1:
            raise InvalidInputError("a case must give at least one training slice")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> SlicePreparation:
        """
        >>> SlicePreparation.from_mapping({"size": 224, "window_hu": [50, 400]}).window_hu
        (50.0, 400.0)
        """
        known = {each.name for each in fields(cls)}
        unknown = [key for key in values if key not in known]
        if unknown:
            raise InvalidInputError(
                f"{unknown[0]!r} is no setting of the slice preparation", remedy=f"there are {', '.join(sorted(known))}"
            )
        table = dict(values)
        if "window_hu" in table:
            centre, width = table["window_hu"]
            table["window_hu"] = (float(centre), float(width))
        return cls(**table)

    def to_mapping(self) -> dict[str, Any]:
        return {key: list(each) if isinstance(each, tuple) else each for key, each in asdict(self).items()}


def prepare_slices(hu: NDArray[Any], preparation: SlicePreparation) -> NDArray[np.uint8]:
    """Slices (n, j, i) in HU to (n, 1, size, size); 0 … 255 is the window from floor to ceiling.

    >>> prepare_slices(np.full((2, 64, 64), 50, np.int16), SlicePreparation(size=16))[0, 0, 8, 8]
    np.uint8(128)
    """
    size = preparation.size
    if preparation.crop == "none":
        scaled = resize_slices(hu, size, window_hu=preparation.window_hu)
    else:
        scaled = resize_planes([around_body(plane) for plane in hu], size, preparation.window_hu)
    if not np.isfinite(scaled).all():
        raise InvalidInputError(
            "the slices hold values that are no numbers (NaN or infinity)", remedy="export the series again"
        )
    stored: NDArray[np.uint8] = np.rint(scaled * 255).astype(np.uint8)[:, None]
    return stored


def around_body(plane: NDArray[Any]) -> NDArray[Any]:
    """The square around the body without the arms; the whole slice, made square with air, where there is no body.

    A view, where it lies within the slice.
    """
    coarse = plane[::_STRIDE, ::_STRIDE] > _BODY_ABOVE_HU
    labels, count = ndimage.label(_opened(coarse), _CROSS)
    height, width = plane.shape
    (top, bottom), (left, right) = (0, height), (0, width)
    if count:
        sizes = np.bincount(labels.ravel())[1:]
        if sizes.max() >= _LEAST_SHARE * coarse.size:
            body = _filled(labels == int(sizes.argmax()) + 1)  # lungs belong to the body
            top, bottom = _extent(body.sum(axis=1))
            left, right = _extent(body.sum(axis=0))
    # sides in steps of eight pixels, so that few different resizings have to be set up
    side = -(-max(bottom - top, right - left) // _STEP) * _STEP
    start_row, start_column = (top + bottom - side) // 2, (left + right - side) // 2
    if min(start_row, start_column) >= 0 and start_row + side <= height and start_column + side <= width:
        return plane[start_row : start_row + side, start_column : start_column + side]
    square = np.full((side, side), -1024, dtype=plane.dtype)
    from_row, from_column = max(start_row, 0), max(start_column, 0)
    piece = plane[from_row : max(start_row + side, 0), from_column : max(start_column + side, 0)]
    row, column = from_row - start_row, from_column - start_column
    square[row : row + piece.shape[0], column : column + piece.shape[1]] = piece
    return square


def _opened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without what is thinner than five pixels: ``ndimage.binary_opening`` in an eighth of its time.

    >>> mask = np.random.default_rng(0).random((40, 50)) < 0.9
    >>> bool((_opened(mask) == ndimage.binary_opening(mask, iterations=2)).all())
    True
    """
    for _ in range(_THIN):
        less = np.zeros_like(mask)
        less[1:-1, 1:-1] = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
        mask = less
    for _ in range(_THIN):
        more = mask.copy()
        more[1:] |= mask[:-1]
        more[:-1] |= mask[1:]
        more[:, 1:] |= mask[:, :-1]
        more[:, :-1] |= mask[:, 1:]
        mask = more
    return mask


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """With its holes: all that cannot be reached from outside, as ``ndimage.binary_fill_holes`` gives it."""
    around = np.ones((mask.shape[0] + 2, mask.shape[1] + 2), np.bool_)
    np.logical_not(mask, out=around[1:-1, 1:-1])
    outside, _ = ndimage.label(around, _CROSS)
    filled: NDArray[np.bool_] = (outside != outside[0, 0])[1:-1, 1:-1]
    return filled


def _extent(profile: NDArray[np.intp]) -> tuple[int, int]:
    """First and past-last pixel of the ellipse whose chords are ``profile`` (coarse pixels), its thin ends guessed."""
    wide = np.flatnonzero(profile >= _CHORD * profile.max())
    first, last = int(wide[0]), int(wide[-1]) + 1
    middle, half = (first + last) / 2, (last - first) / 2 / _ELLIPSE_AT_CHORD
    return round((middle - half) * _STRIDE), round((middle + half) * _STRIDE)
