"""One axial T2-weighted volume as the networks read it: 256 × 256 × N around the rectum, N as acquired.

The field of view is fixed at 112 mm: paper 004 crops around rectum and tumour and resizes in plane to 256 × 256 but
names no size; 256 pixels of its mean 0.439 mm are 112 mm. So the cut loses no resolution, holds rectum and mesorectum
with room, and a millimetre is as long for every patient, which matters where stages differ by millimetres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.bias_field import correct_bias_field
from abdominal_oncology.imaging.geometry import Geometry, Vector
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.separable import apply_in_plane
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.progress import Progress, part, silent
from abdominal_oncology.rectal.averaging import averaging_weights
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.rectal.localise import locate
from abdominal_oncology.rectal.mr_checks import (
    BODY_STRIDE,
    body_voxels,
    check_magnitude_image,
    shading_warnings,
    stack_warnings,
    take_out_heavy_shading,
)
from abdominal_oncology.rectal.plane import AcquisitionPlane, as_axial_stack
from abdominal_oncology.rectal.region import (
    Region,
    region_of_body,
    region_of_box,
    region_of_masks,
    region_of_place,
)

SURE_ENOUGH = 0.5
"""The locator's confidence from which its place is taken, in plane and along the body."""


@dataclass(frozen=True)
class VolumePreparation:
    """How a volume becomes ``size`` × ``size`` × N bytes. Kept in a bundle as a plain table.

    ``field_mm`` is the side of the square that is cut out; ``margin_mm`` goes around a segmentation;
    ``percentiles`` of the body's voxels become 0 and 255, the body within the square where ``scale_by`` is
    ``"region"``: a wide and a narrow field of view then look alike. ``bias_correction`` runs N4 first. ``depth`` is how
    many slices around the region a network is given (``rectal.samples``); the prepared volume has all.
    """

    size: int = 256
    field_mm: float = 112.0
    margin_mm: float = 10.0
    percentiles: tuple[float, float] = (0.5, 99.5)
    bias_correction: bool = False
    scale_by: Literal["body", "region"] = "body"
    depth: int = 24

    def __post_init__(self) -> None:
        low, high = self.percentiles
        if self.size < 16 or not 20 <= self.field_mm <= 500:
            raise InvalidInputError(
                f"{self.size} pixels over {self.field_mm:g} mm show no rectum", remedy="use 256 pixels over 112 mm"
            )
        if not 0 <= low < high <= 100:
            raise InvalidInputError(f"percentiles must rise within 0 … 100, not {low:g} and {high:g}")
        if self.scale_by not in ("body", "region"):
            raise InvalidInputError(f"grey values are scaled by 'body' or 'region', not {self.scale_by!r}")
        if self.depth < 1:
            raise InvalidInputError(f"a network's input needs a slice or more, not {self.depth}")
        if not 0 <= self.margin_mm < 200:
            raise InvalidInputError(f"a margin is 0 or more mm, not {self.margin_mm:g}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> VolumePreparation:
        """
        >>> VolumePreparation.from_mapping({"size": 128, "percentiles": [1, 99]}).percentiles
        (1.0, 99.0)
        """
        known = {each.name for each in fields(cls)}
        unknown = [key for key in values if key not in known]
        if unknown:
            raise InvalidInputError(
                f"{unknown[0]!r} is no setting of the volume preparation",
                remedy=f"there are {', '.join(sorted(known))}",
            )
        table = dict(values)
        if "percentiles" in table:
            low, high = table["percentiles"]
            table["percentiles"] = (float(low), float(high))
        return cls(**table)

    def to_mapping(self) -> dict[str, Any]:
        return {key: list(each) if isinstance(each, tuple) else each for key, each in asdict(self).items()}


@dataclass(frozen=True)
class PreparedVolume:
    """``pixels`` uint8 (N, size, size), feet first, rows towards the back; ``geometry`` says where they lie (LPS).

    ``plane`` leads back to the stored axes; ``grey_values`` are the image's numbers that became 0 and 255.
    """

    pixels: NDArray[np.uint8]
    geometry: Geometry
    plane: AcquisitionPlane
    region: Region
    grey_values: tuple[float, float]
    warnings: tuple[FindingWarning, ...] = ()


def prepare_volume(
    image: Image,
    preparation: VolumePreparation | None = None,
    *,
    box: Box | None = None,
    masks: Sequence[Image] = (),
    progress: Progress = silent,
) -> PreparedVolume:
    """Cut, scale and check. The region is that of ``box``, else of ``masks`` (on the image's grid), else located, else
    the body's middle, the last two with a warning.
    """
    wanted = preparation or VolumePreparation()
    check_magnitude_image(image)
    stack, plane = as_axial_stack(image)
    warnings = [*stack_warnings(stack)]
    region: Region | None = None
    if box is not None:
        region = region_of_box(box, stack.geometry, image.source.path)
    elif masks:
        region = region_of_masks([as_axial_stack(mask)[0] for mask in masks], stack, wanted.margin_mm)
    body, sampled = body_voxels(stack)
    if wanted.bias_correction:
        # N4 works on logarithms: air that a scanner's filters made negative counts as 0
        magnitude = stack.derive("clip below 0", voxels=np.maximum(stack.voxels, 0))
        stack = correct_bias_field(take_out_heavy_shading(magnitude), progress=part(progress, 0.0, 0.9)).image
        body, sampled = body_voxels(stack)
    else:
        warnings += shading_warnings(sampled, body)
    if region is None:
        region, doubts = found_region(stack, body)
        warnings += doubts
    field_mm, wide = _field(region, stack.geometry, wanted)
    seen = sampled[body]
    if wanted.scale_by == "region":
        rows, columns = _sampled_square(region, field_mm, stack.geometry)
        within = body[:, rows, columns]
        seen = sampled[:, rows, columns][within] if within.any() else seen
    low, high = (float(value) for value in np.percentile(seen, wanted.percentiles))
    if not high > low:
        raise InvalidInputError(
            f"the body has one grey value only ({low:g})", where=image.source.path, remedy="choose an MR image"
        )
    progress(0.9, "cutting out the region")
    pixels = _cut(stack, region, field_mm, wanted.size, low, high)
    progress(1.0, "volume prepared")
    return PreparedVolume(
        pixels,
        _cut_geometry(stack.geometry, region, field_mm, wanted.size),
        plane,
        region,
        (low, high),
        tuple(warnings + wide),
    )


def found_region(stack: Image, body: NDArray[np.bool_]) -> tuple[Region, list[FindingWarning]]:
    """Where the locator finds rectum or tumour; all slices where it cannot tell the height, and the middle of the body
    where it is not even sure of the rectum."""
    found = locate(stack)
    if found.in_plane < SURE_ENOUGH:
        text = (
            f"nobody said where the rectum is, and it was not found (confidence {found.in_plane:.2f}): the middle of "
            "the body was taken; place a ROI or draw the tumour"
        )
        region = region_of_body(body, BODY_STRIDE, stack.geometry.shape)
        return region, [FindingWarning("region-not-located", text)]
    told = found.confidence >= SURE_ENOUGH
    what, sure = (found.what, found.confidence) if told else ("rectum", found.in_plane)
    text = f"the {what} was found automatically (confidence {sure:.2f}): check the region, above all its height"
    doubts = [FindingWarning("region-located", text)]
    if not told:
        text = (
            f"the tumour's height along the body was not found (confidence {found.confidence:.2f}): the region holds "
            "all slices; make it as high as the tumour"
        )
        doubts.append(FindingWarning("height-not-located", text))
    slices = found.slices if told else (0, stack.geometry.shape[0])
    return region_of_place(found.centre[1:], slices, stack.geometry, found.confidence), doubts


def _field(region: Region, geometry: Geometry, preparation: VolumePreparation) -> tuple[float, list[FindingWarning]]:
    """The side of the square in mm: as the preparation says, more where a box or a segmentation needs more."""
    if region.source == "body":
        return preparation.field_mm, []
    rows, columns = region.rows, region.columns
    needed = max((rows[1] - rows[0]) * geometry.spacing_mm[1], (columns[1] - columns[0]) * geometry.spacing_mm[2])
    if needed <= preparation.field_mm:
        return preparation.field_mm, []
    return needed, [
        FindingWarning(
            "region-wider-than-field",
            f"the region is {needed:.0f} mm wide and the network was made for {preparation.field_mm:.0f} mm: "
            "everything in it looks smaller than it should",
        )
    ]


def _sampled_square(region: Region, field_mm: float, geometry: Geometry) -> tuple[slice, slice]:
    """The rows and columns of :func:`body_voxels` that lie in the square."""
    spans = []
    for centre, step_mm in zip(region.centre, geometry.spacing_mm[1:], strict=True):
        half = field_mm / step_mm / 2
        first, last = (centre + side * half for side in (-1, 1))
        spans.append(slice(max(0, round(first / BODY_STRIDE)), max(1, round(last / BODY_STRIDE) + 1)))
    return spans[0], spans[1]


def _cut(stack: Image, region: Region, field_mm: float, size: int, low: float, high: float) -> NDArray[np.uint8]:
    """Every slice resampled in plane; none is mixed with another."""
    (row, column), spacing = region.centre, stack.geometry.spacing_mm
    rows, columns = (
        averaging_weights(centre, field_mm / step, size, count)
        for centre, step, count in (
            (row, spacing[1], stack.geometry.shape[1]),
            (column, spacing[2], stack.geometry.shape[2]),
        )
    )
    first_row, last_row = _used(rows)
    first_column, last_column = _used(columns)
    rows, columns = rows[:, first_row:last_row], columns[:, first_column:last_column]
    pixels = np.empty((stack.geometry.shape[0], size, size), np.uint8)
    plane = np.empty((size, size), np.float32)
    scale = np.float32(255 / (high - low))
    for k, each in enumerate(stack.voxels[:, first_row:last_row, first_column:last_column]):
        grey = np.ascontiguousarray(each, dtype=np.float32)
        apply_in_plane(rows, columns, np.clip((grey - np.float32(low)) * scale, 0, 255), plane)
        pixels[k] = np.rint(plane)
    return pixels


def _used(weights: Any) -> tuple[int, int]:
    """The range of old pixels that have any weight."""
    taken = np.flatnonzero(np.bincount(weights.indices[weights.data != 0], minlength=weights.shape[1]))
    return (int(taken[0]), int(taken[-1]) + 1) if taken.size else (0, 1)


def _cut_geometry(stack: Geometry, region: Region, field_mm: float, size: int) -> Geometry:
    step_mm = field_mm / size
    (row, column), spacing = region.centre, stack.spacing_mm
    first = [0.0, row - (size - 1) / 2 * step_mm / spacing[1], column - (size - 1) / 2 * step_mm / spacing[2]]
    origin = stack.to_world(first)
    place: Vector = (float(origin[0]), float(origin[1]), float(origin[2]))
    return Geometry((stack.shape[0], size, size), (spacing[0], step_mm, step_mm), place, stack.directions)
