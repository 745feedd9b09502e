"""Stored values → HU or MR signal, straight into the output array; int16 as long as that is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.dicom.records import Frame, PixelLayout

AIR_HU = -1024


def is_whole(frame: Frame) -> bool:
    """True when whole stored numbers stay whole."""
    return frame.slope.is_integer() and frame.intercept.is_integer()


def to_real(stored: NDArray[Any], layout: PixelLayout, frame: Frame, *, is_ct: bool) -> NDArray[Any]:
    """stored × slope + intercept as int16, or as float32 where that would not be exact.

    In CT, padding beyond the scanned circle becomes air (−1024 HU) where it stands for less than that: it measures
    nothing. MONOCHROME1 says how to show values, not what they are: HU stay; MR, which has no unit, is turned round so
    that high is bright everywhere.
    """
    if layout.photometric == "MONOCHROME1" and not is_ct:
        low = -(1 << layout.bits_stored - 1) if layout.signed else 0
        stored = (2 * low + (1 << layout.bits_stored) - 1) - stored.astype(np.int64)
    real = _whole(stored, layout, frame) if is_whole(frame) else None
    if real is None:
        real = (stored.astype(np.float64) * frame.slope + frame.intercept).astype(np.float32)
    if is_ct and layout.padding is not None:
        _pad_with_air(real, stored, layout, frame)
    return real


def _whole(stored: NDArray[Any], layout: PixelLayout, frame: Frame) -> NDArray[np.int16] | None:
    """int16, or None where the result does not fit."""
    slope, intercept = int(frame.slope), int(frame.intercept)
    least = -(1 << layout.bits_stored - 1) if layout.signed else 0
    limits = (least, least + (1 << layout.bits_stored) - 1)
    if not _fits(limits, slope, intercept) and not _fits((int(stored.min()), int(stored.max())), slope, intercept):
        return None
    if slope == 1 and stored.dtype.itemsize == 2 and -32768 <= intercept <= 32767:
        # two's complement wraps: the sum is right because the result is known to fit
        native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
        return np.add(native.view(np.int16), np.int16(intercept))
    return (stored.astype(np.int64) * slope + intercept).astype(np.int16)


def _fits(stored: tuple[int, int], slope: int, intercept: int) -> bool:
    return all(-32768 <= value * slope + intercept <= 32767 for value in stored)


def _pad_with_air(real: NDArray[Any], stored: NDArray[Any], layout: PixelLayout, frame: Frame) -> None:
    bits = layout.bits_stored
    ends = [
        _as_stored(value, bits, layout.signed) for value in (layout.padding, layout.padding_limit) if value is not None
    ]
    first, last = min(ends), max(ends)
    if min(first * frame.slope, last * frame.slope) + frame.intercept < AIR_HU:
        real[(stored >= first) & (stored <= last) & (real < AIR_HU)] = AIR_HU


def _as_stored(value: int, bits: int, signed: bool) -> int:
    """A padding value may be written with the wrong sign; its bits are what counts."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value
