"""What is looked at before an answer is believed: is it CT, is it the abdomen, is there something in the gut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import WrongModalityError
from abdominal_oncology.imaging.image import ImageWarning, Modality
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.phase.locate import Slab
from abdominal_oncology.phase.locate.body import body_mask
from abdominal_oncology.phase.locate.upright import Upright, read_upright, spread_evenly

_SURE_OF_SLAB = 0.5
_GUT_LOOKS, _GUT_PIXEL_MM, _GUT_SLICES = 10, 2.5, 2
_BELOW_HEART_MM = -60.0
_BRIGHT_HU, _METAL_HU, _LEAST_MM2, _FROM_SKIN_MM = 190.0, 1500.0, 300.0, 18.0
_THINNER_MM = 6.0  # ribs are
_FRONT, _VESSELS_FROM, _VESSELS_MM = 0.5, 0.35, 35.0


def require_ct(reader: SliceReader) -> None:
    """Refuse by name what its header calls something else. A file that does not say may still be CT."""
    named = str(reader.source.header.get("Modality") or "").upper()
    if reader.modality in (Modality.MR, Modality.MASK) or named not in ("", "CT", "OT", "OTHER"):
        kind = named if named not in ("", "CT") else str(reader.modality)
        raise not_ct(reader, f"this is {'a mask' if reader.modality is Modality.MASK else kind}")


def not_ct(reader: SliceReader, what: str) -> WrongModalityError:
    where = reader.source.path or str(reader.source.header.get("SeriesDescription") or "")
    return WrongModalityError(f"contrast phases are told on CT, and {what}", where=where, remedy="choose a CT series")


def slab_to_sample(slab: Slab | None) -> tuple[int, int] | None:
    """The slices to sample from; None (the whole scan) where the abdomen was not located with certainty."""
    if slab is None or not slab.found or slab.confidence < _SURE_OF_SLAB:
        return None
    return slab.start, slab.stop


def header_warnings(facts: Mapping[str, Any]) -> list[FindingWarning]:
    """Oral contrast by the header; a body part that is not the abdomen."""
    found = []
    route = f"{facts.get('ContrastBolusRoute') or ''}".upper()
    if "ORAL" in route or "RECTAL" in route:
        found.append(FindingWarning("oral-contrast", f'the header names contrast in the gut: route "{route}"'))
    return found


def as_warnings(found: Sequence[ImageWarning]) -> list[FindingWarning]:
    return [FindingWarning(each.code, each.message) for each in found]


def gut_warnings(reader: SliceReader, slab: Slab) -> list[FindingWarning]:
    """Positive contrast in stomach or bowel: thick bright pools in the front half of the belly, away from skin and
    from where the great vessels run. It says nothing of the phase, and networks may take it for something that does."""
    heights = np.asarray(slab.heights_mm)
    inside = [k for k in range(slab.start, slab.stop) if heights[k] < _BELOW_HEART_MM]
    if not inside:
        return []
    chosen = [inside[n] for n in spread_evenly(0, len(inside), _GUT_LOOKS)]
    seen = read_upright(reader, chosen, _GUT_PIXEL_MM)
    if any(slab.flipped):
        seen = seen.flipped(*slab.flipped)
    bright = [int(seen.indices[n]) for n in range(len(seen)) if _pool_mm2(seen, n) >= _LEAST_MM2]
    if len(bright) < min(_GUT_SLICES, len(chosen)):
        return []
    text = f"bright contents of stomach or bowel on {len(bright)} of {len(chosen)} slices: oral contrast"
    return [FindingWarning("oral-contrast", text)]


def _pool_mm2(seen: Upright, n: int) -> float:
    """The largest bright pool of a slice that can be gut."""
    hu = seen.hu[n]
    body = body_mask(hu, seen.pixel_mm)
    rows = np.flatnonzero(body.any(axis=1))
    if len(rows) < 10:
        return 0.0
    depth: NDArray[np.float64] = ndimage.distance_transform_edt(np.pad(body, 1), sampling=seen.pixel_mm)[1:-1, 1:-1]
    bright = (hu > _BRIGHT_HU) & (hu < _METAL_HU)
    pools, count = ndimage.label(ndimage.binary_opening(bright, iterations=round(_THINNER_MM / seen.pixel_mm)))
    if not count:
        return 0.0
    numbers = np.arange(1, count + 1)
    area = np.bincount(pools.ravel(), minlength=count + 1)[1:] * seen.pixel_mm**2
    centre = np.array(ndimage.center_of_mass(pools > 0, pools, numbers))
    back = (centre[:, 0] - rows[0]) / (rows[-1] - rows[0])
    columns = np.flatnonzero(body.any(axis=0))
    aside_mm = np.abs(centre[:, 1] - (columns[0] + columns[-1]) / 2) * seen.pixel_mm
    shallow = np.asarray(ndimage.minimum(depth, pools, numbers))
    may_be_gut = (back < _FRONT) & (shallow > _FROM_SKIN_MM) & ((back < _VESSELS_FROM) | (aside_mm > _VESSELS_MM))
    return float(area[may_be_gut].max()) if may_be_gut.any() else 0.0
