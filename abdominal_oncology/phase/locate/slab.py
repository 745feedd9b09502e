"""The slab of a scan that holds liver, kidneys, aorta and inferior vena cava."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.image import ImageWarning
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.phase.locate.features import PIXEL_MM, mirrored, slice_features
from abdominal_oncology.phase.locate.heights import ELSEWHERE, LEVELS_MM, TURNS, Array, HeightModel, bundled_model
from abdominal_oncology.phase.locate.upright import read_upright, require_axial_ct, slice_heights_mm, spread_evenly

SLAB_MM = (10.0, -215.0)
"""Heights (see :mod:`.heights`) from the right diaphragm's dome to the kidneys' lower poles."""
_READ_AT_MOST = 28
_SCALES = (0.9, 1.0, 1.1)
_OFFSETS_MM = np.arange(1200.0, -1200.1, -5.0)
_WORST_LOG = -5.0
"""No slice may say more against a place than this: one odd slice must not decide."""
_INDEPENDENT_MM = 40.0
_NEAR_MM = 40.0
_LEAST_MM = 30.0
_LEAST_CONFIDENCE = 0.5
_TURN_MARGIN, _TURN_CONFIDENCE = 0.7, 0.7


@dataclass(frozen=True)
class Slab:
    """Slices ``start`` to before ``stop`` along k. ``heights_mm`` of every slice of the scan: 0 at the right dome of
    the diaphragm, −134 at L1, −390 at the bladder, as in a person of average size.

    ``confidence`` 0 … 1 says how sure the heights are and that the slab is there at all; ``upside_down`` that the order
    of slices contradicts the header; ``flipped`` (rows, columns) that the slices themselves do. An empty slab
    (``start == stop``) means that the scan shows no abdomen. ``read`` slices were looked at.
    """

    start: int
    stop: int
    confidence: float
    heights_mm: tuple[float, ...]
    upside_down: bool = False
    flipped: tuple[bool, bool] = (False, False)
    read: tuple[int, ...] = ()
    warnings: tuple[ImageWarning, ...] = ()

    @property
    def found(self) -> bool:
        return self.stop > self.start

    def __len__(self) -> int:
        return self.stop - self.start


def locate_slab(reader: SliceReader, model: HeightModel | None = None) -> Slab:
    """Looks at up to 28 slices. Raises WrongModalityError for what is no CT, InvalidInputError where slices are not
    axial; anything else that is wrong lowers the confidence and is told in ``warnings``.
    """
    require_axial_ct(reader)
    model = model or bundled_model()
    z_mm = slice_heights_mm(reader.geometry)
    seen = read_upright(reader, spread_evenly(0, len(z_mm), _READ_AT_MOST), PIXEL_MM, thin=True)
    pairs = [(n, slice_features(hu, seen.pixel_mm)) for n, hu in enumerate(seen.hu)]
    kept = [(n, each) for n, each in pairs if each is not None]
    warnings = list(seen.warnings)
    nothing = tuple([float("nan")] * len(z_mm))
    if not kept or any(each.code == "not-hu" for each in warnings):
        if not warnings:
            warnings.append(ImageWarning("no-body", "no slice shows a body"))
        return Slab(0, 0, 0.0, nothing, read=seen.indices, warnings=tuple(warnings))
    features = np.stack([each for _, each in kept])
    places_mm = seen.height_mm[[n for n, _ in kept]]
    flipped = _flipped(model, features, places_mm)
    if any(flipped):
        warnings.append(_flip_warning(flipped))
        features = mirrored(features, *flipped)
    fit = _fit(model.levels(features), places_mm)
    heights = fit.level(z_mm)
    inside = np.flatnonzero((heights <= SLAB_MM[0]) & (heights >= SLAB_MM[1]))
    step_mm = float(abs(z_mm[1] - z_mm[0])) if len(z_mm) > 1 else reader.geometry.spacing_mm[0]
    start, stop = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)
    if fit.upside_down:
        text = "the slices' order contradicts the header: the head lies where the header has the feet"
        warnings.append(ImageWarning("upside-down", text))
    covered_mm = (stop - start) * step_mm
    confidence = fit.confidence * min(1.0, 0.4 + 0.6 * covered_mm / _LEAST_MM)
    if stop == start:
        warnings.append(
            ImageWarning("no-abdomen", f"the scan shows {_part(float(np.median(heights)))}, not the abdomen")
        )
        confidence = 0.0
    elif confidence < _LEAST_CONFIDENCE:
        text = f"the abdomen is not located with certainty (confidence {confidence:.2f})"
        warnings.append(ImageWarning("abdomen-uncertain", text))
    told = tuple(float(round(h, 1)) for h in heights)
    return Slab(start, stop, round(confidence, 3), told, fit.upside_down, flipped, seen.indices, tuple(warnings))


@dataclass(frozen=True)
class _Fit:
    offset_mm: float
    scale: float
    upside_down: bool
    confidence: float

    def level(self, z_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        sign = -1.0 if self.upside_down else 1.0
        result: NDArray[np.float64] = (sign * (z_mm - z_mm.mean())) / self.scale + self.offset_mm
        return result


def _fit(logs: Array, places_mm: NDArray[np.float64]) -> _Fit:
    """The line through the slices' heights: known slope, but for the body's size and the direction."""
    logs = np.maximum(logs, _WORST_LOG)
    reach_mm = float(np.ptp(places_mm))
    independent = min(len(places_mm), 1 + reach_mm / _INDEPENDENT_MM)
    middle_mm = float(places_mm.mean())
    tables, choices = [], []
    for upside_down in (False, True):
        for scale in _SCALES:
            sign = -1.0 if upside_down else 1.0
            levels = sign * (places_mm - middle_mm) / scale + _OFFSETS_MM[:, None]
            tables.append(_said(logs, levels).mean(axis=1) * independent + (-0.5 * ((scale - 1) / 0.06) ** 2))
            choices.append((scale, upside_down))
    table = np.stack(tables)
    table[len(_SCALES) :] -= 3.0  # headers are right far more often than not
    chance = np.exp(table - table.max())
    chance /= chance.sum()
    row, column = np.unravel_index(int(table.argmax()), table.shape)
    scale, upside_down = choices[int(row)]
    offset = float(_OFFSETS_MM[column])
    near = np.abs(_OFFSETS_MM - offset) <= _NEAR_MM
    same = [n for n, (_, down) in enumerate(choices) if down == upside_down]
    certain = float(chance[same][:, near].sum())
    sign = -1.0 if upside_down else 1.0
    own = _near_share(logs, sign * (places_mm - middle_mm) / scale + offset)
    return _Fit(offset, scale, upside_down, certain * min(1.0, 1.6 * own))


def _said(logs: Array, levels_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each slice says (offsets, slices) about lying at these levels; beyond the bins: that it is no trunk."""
    position = (LEVELS_MM[0] - levels_mm) / (LEVELS_MM[0] - LEVELS_MM[1])
    held = np.clip(position, 0, ELSEWHERE - 1)
    low = np.minimum(held.astype(int), ELSEWHERE - 2)
    part = held - low
    slices = np.arange(len(logs))
    inside = logs[slices, low] * (1 - part) + logs[slices, low + 1] * part
    beyond = (position < -1) | (position > ELSEWHERE)
    result: NDArray[np.float64] = np.where(beyond, logs[slices, ELSEWHERE] - 1.0, inside)
    return result


def _near_share(logs: Array, levels_mm: NDArray[np.float64]) -> float:
    """Mean probability that slices give to the neighbourhood of where the fit puts them; beyond the trunk they do not
    count."""
    within = (levels_mm <= LEVELS_MM[0]) & (levels_mm >= LEVELS_MM[-1])
    if not within.any():
        return 0.0
    chance = np.exp(logs[within, :ELSEWHERE])
    near = np.abs(LEVELS_MM - levels_mm[within, None]) <= 60
    return float((chance * near).sum(axis=1).mean())


def _flipped(model: HeightModel, features: Array, places_mm: NDArray[np.float64]) -> tuple[bool, bool]:
    """How all slices together seem to be flipped; as they should be unless the evidence is clear, and unless the
    slices then look like a trunk."""
    said = np.maximum(model.turns(features), _WORST_LOG).mean(axis=0)
    best = int(said.argmax())
    if said[best] - said[0] < _TURN_MARGIN:
        return TURNS[0]
    turned = _fit(model.levels(mirrored(features, *TURNS[best])), places_mm)
    return TURNS[best] if turned.confidence >= _TURN_CONFIDENCE else TURNS[0]


def _flip_warning(flipped: tuple[bool, bool]) -> ImageWarning:
    rows, columns = flipped
    if rows and columns:
        return ImageWarning("turned", "the slices are turned by 180 degrees against what the header says")
    if rows:
        return ImageWarning("back-to-front", "front and back are exchanged against what the header says")
    return ImageWarning("mirrored", "left and right are exchanged: a mirrored image, or situs inversus")


def _part(level_mm: float) -> str:
    """A word for a height.

    >>> _part(120.0), _part(-400.0)
    ('the chest', 'the pelvis')
    """
    if level_mm > LEVELS_MM[0] - 40:
        return "head, neck or something else"
    if level_mm > SLAB_MM[0]:
        return "the chest"
    if level_mm < LEVELS_MM[-1] + 20:
        return "legs or something else"
    return "the pelvis"
