"""Organs and vessels of a CT with their HU, found with no segmentation, no network and no click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from abdominal_oncology.imaging.geometry import Geometry, Vector
from abdominal_oncology.imaging.image import ImageWarning
from abdominal_oncology.imaging.reader import SliceReader, slice_indices
from abdominal_oncology.phase.locate.masks import disc
from abdominal_oncology.phase.locate.organs import Patch, find_kidneys, find_liver, find_spleen
from abdominal_oncology.phase.locate.portal import find_portal_vein
from abdominal_oncology.phase.locate.slab import SLAB_MM, Slab, locate_slab
from abdominal_oncology.phase.locate.stack import PIXEL_MM, Stack
from abdominal_oncology.phase.locate.summary import SliceValue, plausible, summarise
from abdominal_oncology.phase.locate.tubes import Candidate
from abdominal_oncology.phase.locate.upright import Upright, read_upright, require_axial_ct, spread_evenly
from abdominal_oncology.phase.locate.vessels import find_aorta, find_cava
from abdominal_oncology.phase.region_hu import RegionHU

_MARGIN_MM = 15.0
_LUMEN = 0.62
_LOST = 0.25
"""Below this confidence the heights say nothing."""
_ENHANCED_HU = 62.0
"""Blood without contrast stays below this."""


@dataclass(frozen=True, eq=False)
class RegionsFound:
    """``regions`` one per structure that was found with some certainty; a structure that is not there was not found.

    ``slices`` that were read; ``slab`` they were taken from.
    """

    regions: tuple[RegionHU, ...]
    warnings: tuple[ImageWarning, ...]
    slices: tuple[int, ...]
    slab: Slab

    def region(self, structure: str) -> RegionHU | None:
        return next((each for each in self.regions if each.structure == structure), None)


def find_regions(
    reader: SliceReader,
    slab: Slab | None = None,
    slices: Sequence[int] | None = None,
    max_slices: int = 24,
) -> RegionsFound:
    """Aorta, inferior vena cava, portal vein, liver, spleen and kidneys on at most ``max_slices`` slices of the
    ``slab`` (None: it is located first), or on the ``slices`` named.

    Raises WrongModalityError for what is no CT, InvalidInputError where slices are not axial. What cannot be found is
    left out; why, where it is known, is in ``warnings``.
    """
    require_axial_ct(reader)
    slab = slab or locate_slab(reader)
    chosen = _choose(reader, slab, slices, max_slices)
    lost = slab.confidence < _LOST and slices is None
    if not chosen or (lost and _below(slab)):
        return RegionsFound((), slab.warnings, (), slab)
    seen = read_upright(reader, chosen, PIXEL_MM)
    warnings = list(slab.warnings) + [
        each for each in seen.warnings if each.code not in {w.code for w in slab.warnings}
    ]
    if any(each.code in ("not-hu", "all-air") for each in seen.warnings):
        return RegionsFound((), tuple(warnings), chosen, slab)
    if any(slab.flipped):  # look at them as they should have been; places are flipped back
        seen = seen.flipped(*slab.flipped)
    heights = np.asarray(slab.heights_mm)[list(chosen)]
    if lost:
        heights = np.full(len(chosen), np.nan)
    stack = Stack.of(seen, heights)
    if np.isnan(stack.canal).all():
        warnings.append(ImageWarning("no-spine", "no spine was found in the slices, so nothing could be placed"))
        return RegionsFound((), tuple(warnings), chosen, slab)
    patches: dict[str, list[Patch | None]] = {}
    aorta = find_aorta(stack)
    patches["aorta"] = _lumens(stack, aorta)
    if not lost:  # where the height is not known only the aorta can be told by its place
        cava = find_cava(stack, aorta)
        patches["inferior_vena_cava"] = _lumens(stack, cava)
        contrast = _looks_enhanced(patches["aorta"])
        patches["kidney_right"], patches["kidney_left"] = find_kidneys(stack, contrast)
        patches["liver"] = find_liver(stack)
        patches["spleen"] = find_spleen(stack, patches["kidney_left"])
        if contrast:
            blood_hu = float(np.median([each.hu for each in patches["aorta"] if each is not None]))
            portal = find_portal_vein(stack, patches["liver"], (aorta, cava), blood_hu)
            patches["portal_vein"] = _lumens(stack, portal)
    found = {name: summarise(name, _values(stack, each)) for name, each in patches.items()}
    kept, doubts = plausible({name: each for name, each in found.items() if each is not None})
    warnings += doubts
    placed = (
        replace(each, place_mm=_place(patches[name], each.slices, stack.seen, reader.geometry))
        for name, each in kept.items()
    )
    if not kept:
        warnings.append(ImageWarning("no-regions", "no organ or vessel was found with certainty"))
    return RegionsFound(tuple(placed), tuple(warnings), chosen, slab)


def _choose(reader: SliceReader, slab: Slab, slices: Sequence[int] | None, max_slices: int) -> tuple[int, ...]:
    count = reader.geometry.shape[0]
    if slices is not None:
        return tuple(int(k) for k in slice_indices(sorted(set(slices)), count))
    if slab.confidence < _LOST:
        return spread_evenly(0, count, max_slices)
    margin = round(_MARGIN_MM / reader.geometry.spacing_mm[0])
    return spread_evenly(max(slab.start - margin, 0), min(slab.stop + margin, count), max_slices)


def _below(slab: Slab) -> bool:
    """Whether the scan shows legs or the pelvis, if anything: no aorta there."""
    return not slab.found and float(np.median(slab.heights_mm)) < SLAB_MM[1]


def _looks_enhanced(aorta: list[Patch | None]) -> bool | None:
    seen = [each.hu for each in aorta if each is not None]
    return float(np.median(seen)) > _ENHANCED_HU if seen else None


def _lumens(stack: Stack, run: list[Candidate | None]) -> list[Patch | None]:
    """The inner part of a vessel in every slice: its wall and what the edge's blur reaches are left out."""
    found: list[Patch | None] = []
    for n, each in enumerate(run):
        if each is None:
            found.append(None)
            continue
        inner = max(_LUMEN * each.radius_mm, 3.0) / stack.pixel_mm
        mask = np.zeros(stack.smooth.shape[1:], dtype=bool)
        around, within = disc(mask.shape, each.row, each.column, inner)
        mask[around] = within
        found.append(Patch(mask, float(mask.sum()) * stack.pixel_mm**2, float(np.median(stack.seen.hu[n][mask]))))
    return found


def _values(stack: Stack, patches: list[Patch | None]) -> list[SliceValue]:
    return [
        SliceValue(stack.seen.indices[n], each.hu, each.area_mm2, int(each.mask.sum()), float(stack.noise_hu[n]))
        for n, each in enumerate(patches)
        if each is not None
    ]


def _place(patches: list[Patch | None], slices: Sequence[int], seen: Upright, grid: Geometry) -> Vector:
    """In the middle one of the slices that count, the point of the structure that is nearest to its middle there."""
    at = {k: n for n, k in enumerate(seen.indices)}
    k = slices[len(slices) // 2]
    patch = patches[at[k]]
    assert patch is not None  # it has a value there
    inside = np.argwhere(patch.mask).astype(np.float64)
    middle = inside[np.hypot(*(inside - inside.mean(axis=0)).T).argmin()]
    row, column = seen.to_array(middle[None], grid)[0]
    x, y, z = grid.to_world((k, row, column))
    return float(x), float(y), float(z)
