"""From opened phases to phases that lie on each other: reads the slices around the liver, aligns, looks for bad input.

Nothing is resampled here but coarse samples; a patch on any grid is then cut from every phase in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy import ndimage

from abdominal_oncology.errors import GeometryMismatchError, InvalidInputError, WrongModalityError
from abdominal_oncology.hcc.align import (
    SEARCH_MM,
    AlignBy,
    Alignment,
    align_livers,
    coarse_grid,
    sampled,
    within,
)
from abdominal_oncology.hcc.align_by_image import Surroundings
from abdominal_oncology.hcc.case import LesionMask, MultiphaseCase, crop_mask, read_block
from abdominal_oncology.hcc.features.region import Background, Floats, Mask, background_of, parenchyma_of
from abdominal_oncology.hcc.phase_roles import PLAIN
from abdominal_oncology.imaging.crop import mask_box
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.resample import resample
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.progress import Progress, silent

Method = Literal["auto", "image", "rigid"]
"""``auto``: livers where both are outlined, else the image; ``image`` and ``rigid`` for every phase."""

DOUBTFUL = 0.5
"""Below this confidence an alignment warns."""

_MARGIN_MM = 20.0
_COARSE_MM = (4.0, 3.0, 3.0)
_LIVER_HU = (-30.0, 260.0)
_LEAST_SPREAD_HU = 2.0
_AIR_HU = -1000.0
_SWAPPED_HU = 5.0
_BESIDE_MM = 4.0


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """``blocks`` hold each phase around the liver on its own grid; ``liver`` is the portal outline; ``background`` the
    whole liver's parenchyma by phase; ``coverage`` by lesion: the share of it inside the liver, and of the liver that
    it fills.
    """

    case: MultiphaseCase
    blocks: Mapping[str, Image]
    liver: Image
    alignments: Mapping[str, Alignment]
    background: Mapping[str, Background]
    coverage: Mapping[str, tuple[float, float]]
    warnings: tuple[FindingWarning, ...]

    @property
    def frame(self) -> Geometry:
        """The portal phase's grid around the liver."""
        return self.blocks["portal"].geometry

    def hu(self, role: str, grid: Geometry) -> Floats:
        """HU (k, j, i) of a phase where ``grid`` lies on the portal phase: nearest voxels, NaN beyond the phase."""
        there = self.alignments[role].grid(grid)
        values: Floats = resample(self.blocks[role], there, "nearest").voxels.astype(np.float32)
        values[values <= _AIR_HU] = np.nan
        return values

    def mask(self, mask: Image, grid: Geometry) -> Mask:
        """A mask drawn on the portal phase."""
        return sampled(mask, grid)


def prepare(
    case: MultiphaseCase,
    *,
    by: Method = "auto",
    shifts_mm: Mapping[str, float] | None = None,
    progress: Progress = silent,
) -> PreparedCase:
    """``shifts_mm`` gives known shifts by phase (along the portal slices' normal) and skips their search."""
    if by not in ("auto", "image", "rigid"):
        raise InvalidInputError(f"no alignment is called {by!r}", remedy="choose 'auto', 'image' or 'rigid'")
    progress(0.0, "reading the liver")
    liver = crop_mask(case.livers["portal"], "the liver")
    normal = np.asarray(case.portal.geometry.normal)
    corners = np.concatenate([liver.geometry.corners_mm(), *(lesion.corners_mm for lesion in case.lesions)])
    middle = corners.mean(axis=0)
    corners = corners + np.sign(corners - middle) * _MARGIN_MM
    wide = np.concatenate([corners - normal * SEARCH_MM, corners + normal * SEARCH_MM])
    blocks: dict[str, Image] = {}
    for n, role in enumerate(case.roles):
        progress(0.1 + 0.4 * n / len(case.roles), f"reading the {role} phase")
        blocks[role] = read_block(case.phases[role], corners if role == "portal" else wide, f"{role} phase")
        _check_hu(role, blocks[role])
    alignments: dict[str, Alignment] = {}
    around = cache(lambda: Surroundings(blocks["portal"], liver))
    for n, role in enumerate(case.roles):
        progress(0.5 + 0.4 * n / len(case.roles), f"aligning the {role} phase")
        known = None if shifts_mm is None else shifts_mm.get(role)
        alignments[role] = _align(case, role, blocks, liver, around, by, known)
    progress(0.9, "measuring the liver")
    coarse = coarse_grid(liver.geometry, _COARSE_MM, 0.0)
    prepared = PreparedCase(case, blocks, liver, alignments, {}, {}, ())
    hu = {role: prepared.hu(role, coarse) for role in blocks}
    inside = sampled(liver, coarse)
    # a small lesion is seen on its own grid, not on the coarse one
    coverage = {lesion.name: _coverage(lesion, liver) for lesion in case.lesions}
    lesions = np.logical_or.reduce([sampled(lesion.mask, coarse) for lesion in case.lesions])
    _check_liver(hu, inside)
    parenchyma, _ = parenchyma_of(coarse, hu, inside | lesions, lesions)
    background = {role: background_of(values[parenchyma], coarse) for role, values in hu.items()}
    warnings = (*case.warnings, *_pixel_warnings(case, alignments, background, blocks))
    return PreparedCase(case, blocks, liver, alignments, background, coverage, warnings)


def _align(
    case: MultiphaseCase,
    role: str,
    blocks: Mapping[str, Image],
    liver: Image,
    around: Callable[[], Surroundings],
    by: Method,
    known_mm: float | None,
) -> Alignment:
    normal = liver.geometry.normal
    if role == "portal":
        return Alignment.along(role, AlignBy.REFERENCE, normal, 0.0, 1.0, 1.0)
    if known_mm is not None:
        return Alignment.along(role, AlignBy.GIVEN, case.portal.geometry.normal, known_mm, 1.0, 1.0)
    if by == "auto" and role in case.livers:
        outline = crop_mask(case.livers[role], f"the liver on the {role} phase")
        return align_livers(role, liver, outline, case.phases[role].geometry)
    found = around().align(role, blocks[role])
    if by == "rigid":
        from abdominal_oncology.hcc.align_rigid import align_rigid

        return align_rigid(found, blocks["portal"], liver, blocks[role])
    return found


def _coverage(lesion: LesionMask, liver: Image) -> tuple[float, float]:
    """Share of the lesion inside the liver, and volume of that over the liver's.

    Some outlines of livers leave lesions out: a lesion whose surroundings are liver lies inside all the same.
    """
    start, stop = mask_box(lesion.mask)
    margin = [int(np.ceil(_BESIDE_MM / mm)) for mm in lesion.mask.geometry.spacing_mm]
    low = [a - side for a, side in zip(start, margin, strict=True)]
    high = [b + side for b, side in zip(stop, margin, strict=True)]
    grid = lesion.mask.geometry.crop(low, high)
    own, in_liver = sampled(lesion.mask, grid), sampled(liver, grid)
    size = tuple(2 * side + 1 for side in margin)
    beside = (ndimage.maximum_filter(own.view(np.uint8), size, mode="constant") > 0) & ~own
    liver_mm3 = float(np.count_nonzero(liver.voxels)) * liver.geometry.voxel_volume_mm3
    common = float(np.count_nonzero(own & in_liver))
    inside = common / max(1, int(np.count_nonzero(own)))
    around = float(np.count_nonzero(beside & in_liver)) / max(1, int(np.count_nonzero(beside)))
    return max(inside, around), common * grid.voxel_volume_mm3 / liver_mm3


def _check_hu(role: str, block: Image) -> None:
    sample = block.voxels[:: max(1, block.geometry.shape[0] // 12), ::4, ::4]
    if not np.isfinite(sample).all():
        raise WrongModalityError(
            f"the {role} phase holds values that are no numbers", where=block.source.path, remedy="load it again"
        )
    if float(np.ptp(sample)) < 50:
        raise WrongModalityError(
            f"the {role} phase spans {float(np.ptp(sample)):g} units: these are not Hounsfield units",
            where=block.source.path,
            remedy="give the original CT, not a windowed or normalised copy",
        )


def _check_liver(hu: Mapping[str, Floats], liver: Mask) -> None:
    for role, values in hu.items():
        inside = values[liver & np.isfinite(values)]
        if inside.size < 0.2 * np.count_nonzero(liver):
            raise GeometryMismatchError(
                f"the {role} phase shows less than a fifth of the liver", remedy="choose a phase that covers the liver"
            )
        middle = float(np.median(inside))
        low, high = np.percentile(inside, (25, 75))
        if not _LIVER_HU[0] <= middle <= _LIVER_HU[1] or float(high - low) < _LEAST_SPREAD_HU:
            raise WrongModalityError(
                f"the liver measures {middle:.0f} ± {(high - low) / 2:.1f} in the {role} phase: these are not "
                "Hounsfield units, or the outline is not the liver's",
                remedy="give the original CT with its rescale slope and intercept, and check the liver's outline",
            )


def _pixel_warnings(
    case: MultiphaseCase,
    alignments: Mapping[str, Alignment],
    background: Mapping[str, Background],
    blocks: Mapping[str, Image],
) -> Iterator[FindingWarning]:
    for role, alignment in alignments.items():
        if alignment.confidence < DOUBTFUL:
            yield FindingWarning(
                "misaligned",
                f"the {role} phase does not lie well on the portal phase (agreement {alignment.agreement:.2f}): "
                "another patient, another posture or artefacts",
            )
        elif abs(alignment.shift_mm) > 0.9 * SEARCH_MM:
            yield FindingWarning("large_shift", f"the {role} phase had to be moved by {alignment.shift_mm:.0f} mm")
    yield from _order_warnings(background, _aorta(case, alignments, blocks))


def _aorta(case: MultiphaseCase, alignments: Mapping[str, Alignment], blocks: Mapping[str, Image]) -> dict[str, float]:
    """Median HU of the aorta by phase, where it is outlined."""
    if "aorta" not in case.organs:
        return {}
    mask = crop_mask(case.organs["aorta"], "the aorta")
    grid = coarse_grid(mask.geometry, (4.0, 2.0, 2.0), 0.0)
    inside = sampled(mask, grid)
    result: dict[str, float] = {}
    for role, block in blocks.items():
        moved = alignments[role].grid(grid)
        known = inside & within(block.geometry, moved)
        if np.count_nonzero(known) >= 20:
            result[role] = float(np.median(resample(block, moved, "nearest").voxels[known]))
    return result


def _order_warnings(background: Mapping[str, Background], aorta: Mapping[str, float]) -> Iterator[FindingWarning]:
    liver = {role: each.hu.value for role, each in background.items()}
    if liver["arterial"] > liver["portal"] + _SWAPPED_HU or aorta.get("portal", 0) > aorta.get("arterial", 1e9):
        yield FindingWarning(
            "phases_swapped",
            f"the liver is brighter in the arterial phase ({liver['arterial']:.0f} HU) than in the portal one "
            f"({liver['portal']:.0f} HU): they seem to be swapped"
            if liver["arterial"] > liver["portal"]
            else "the aorta is brighter in the portal than in the arterial phase: they seem to be swapped",
        )
    if "delayed" in liver and liver["delayed"] > liver["portal"] + _SWAPPED_HU:
        yield FindingWarning(
            "phase_order_doubtful",
            "the liver is brighter in the delayed than in the portal phase: check their order",
        )
    if PLAIN in liver and liver[PLAIN] > liver["portal"] - _SWAPPED_HU:
        yield FindingWarning("no_enhancement", "the liver is hardly brighter in the portal phase than without contrast")
