"""A group of pictures → a volume's grid, and how each of its slices is made from the files. Reads no pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InconsistentSeriesError
from abdominal_oncology.imaging.dicom.kinds import SeriesKind
from abdominal_oncology.imaging.dicom.remarks import remarks_on
from abdominal_oncology.imaging.dicom.spacing import SpacingPlan, plan_spacing
from abdominal_oncology.imaging.dicom.split import Plane, PlaneGroup
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import ImageWarning

_LEAST_SHIFT_PIXELS = 0.1
_MOST_SKEW = 0.01


@dataclass(frozen=True, eq=False)
class Stack:
    """``planes`` sorted along the normal; output slice k is planes[lower[k]], mixed with the next by ``fraction[k]``;
    each plane is first moved by ``shifts`` (rows, columns) where the planes do not lie straight above each other."""

    planes: tuple[Plane, ...]
    geometry: Geometry
    lower: NDArray[np.intp]
    fraction: NDArray[np.float64]
    shifts: NDArray[np.float64] | None
    kind: SeriesKind
    modality: str
    told_apart_by: tuple[str, ...] = ()
    warnings: tuple[ImageWarning, ...] = ()

    @property
    def is_resampled(self) -> bool:
        return self.shifts is not None or bool((self.fraction > 0).any())

    @property
    def where(self) -> str:
        """The folder or file behind this volume, for messages."""
        return place_of(self.planes)


def place_of(planes: tuple[Plane, ...]) -> str:
    """The common folder of several files, or the one file."""
    paths = {plane.header.path for plane in planes}
    first = planes[0].header.path
    return first if len(paths) == 1 else str(Path(first).parent)


def build_stack(group: PlaneGroup) -> Stack:
    """The volume of a group; raises InconsistentSeriesError when its pictures do not make one."""
    planes, where = group.planes, place_of(group.planes)
    first = planes[0].frame
    if first.position is None or first.orientation is None or first.pixel_spacing_mm is None:
        lacking = [
            name
            for name, value in (
                ("ImagePositionPatient", first.position),
                ("ImageOrientationPatient", first.orientation),
                ("PixelSpacing", first.pixel_spacing_mm),
            )
            if value is None
        ]
        raise InconsistentSeriesError(
            f"the pictures do not say where they lie: {', '.join(lacking)} missing or not numbers",
            where=planes[0].header.path,
            remedy="export the series again from the scanner or archive, with its geometry",
        )
    if min(first.pixel_spacing_mm) <= 0:
        raise InconsistentSeriesError(
            f"PixelSpacing {first.pixel_spacing_mm} is not positive", where=planes[0].header.path, remedy="export again"
        )
    axes = _axes(first.orientation, where)
    plan, warnings = _plan(planes, where)
    shape, origin, shifts, shear = _in_plane(planes, axes, first.pixel_spacing_mm)
    geometry = Geometry(
        (len(plan.lower), *shape),
        (plan.spacing_mm, *first.pixel_spacing_mm),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        tuple(tuple(float(v) for v in axis) for axis in axes),  # type: ignore[arg-type]
    )
    return Stack(
        planes,
        geometry,
        plan.lower,
        plan.fraction,
        shifts,
        group.kind,
        planes[0].header.modality,
        group.told_apart_by,
        (*group.warnings, *warnings, *shear, *remarks_on(planes, group.kind)),
    )


def _axes(orientation: tuple[float, ...], where: str) -> NDArray[np.float64]:
    """Exactly orthonormal directions (k, j, i) from rounded ones."""
    row, column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    if min(lengths) < 0.5 or abs(float(row @ column)) > _MOST_SKEW:
        raise InconsistentSeriesError(
            f"ImageOrientationPatient {list(orientation)} does not hold two perpendicular directions",
            where=where,
            remedy="export the series again from the scanner or archive",
        )
    row = row / lengths[0]
    column = column - row * float(row @ column)
    column /= np.linalg.norm(column)
    return np.stack((np.cross(row, column), column, row))


def _plan(planes: tuple[Plane, ...], where: str) -> tuple[SpacingPlan, list[ImageWarning]]:
    z = [plane.along_mm for plane in planes]
    if len(z) == 1:
        thickness = planes[0].frame.thickness_mm
        said = f"its thickness of {thickness:g} mm" if thickness else "1 mm, for the file names no thickness"
        plan = SpacingPlan("even", thickness or 1.0, np.zeros(1, np.intp), np.zeros(1))
        return plan, [ImageWarning("single-slice", f"one slice only; the slice spacing is taken as {said}")]
    plan = plan_spacing(z)
    if plan.state == "too uneven":
        steps = np.diff(z)
        raise InconsistentSeriesError(
            f"slices lie {steps.min():.2f} to {steps.max():.2f} mm apart, too uneven to make a volume",
            where=where,
            remedy="see whether files are missing or two series are mixed, or choose another series of this study",
        )
    if plan.state == "missing":
        lie = ", ".join(f"{z[0] + k * plan.spacing_mm:.1f}" for k in plan.made_up[:10])
        text = f"{plan.missing} slices missing, filled in from their neighbours at {lie} mm along the stack"
        return plan, [ImageWarning("missing-slices", text)]
    if plan.state == "uneven":
        steps = np.diff(z)
        text = (
            f"slices lie {steps.min():.2f} to {steps.max():.2f} mm apart; "
            f"resampled to an even step of {plan.spacing_mm:.3f} mm"
        )
        return plan, [ImageWarning("uneven-spacing", text)]
    return plan, []


def _in_plane(
    planes: tuple[Plane, ...], axes: NDArray[np.float64], pixel_spacing_mm: tuple[float, float]
) -> tuple[tuple[int, int], NDArray[np.float64], NDArray[np.float64] | None, list[ImageWarning]]:
    """(rows, columns), origin, and the shift of each plane in a frame wide enough to hold them all."""
    layout = planes[0].header.pixels
    assert layout is not None
    positions = np.asarray([plane.frame.position for plane in planes], dtype=np.float64)
    offsets = (positions - positions[0]) @ axes[1:].T / pixel_spacing_mm
    if np.ptp(offsets, axis=0).max(initial=0.0) <= _LEAST_SHIFT_PIXELS:
        return (layout.rows, layout.columns), positions[0], None, []
    least = offsets.min(axis=0)
    shifts = offsets - least
    grown = np.ceil(shifts.max(axis=0) - 1e-6).astype(int)
    origin = positions[0] + (least * pixel_spacing_mm) @ axes[1:]
    along = np.asarray([plane.along_mm for plane in planes])
    run = np.polynomial.polynomial.polyfit(along, offsets * pixel_spacing_mm, 1)
    straight = np.abs(run[0] + np.outer(along, run[1]) - offsets * pixel_spacing_mm).max() <= 0.1
    if straight:
        degrees = float(np.degrees(np.arctan(np.linalg.norm(run[1]))))
        code, text = "gantry-tilt", f"the stack is sheared by {degrees:.1f}° (gantry tilt); slices were moved in plane"
    else:
        code, text = "shifted-slices", "the slices do not lie straight above each other; they were moved in plane"
    shape = (layout.rows + int(grown[0]), layout.columns + int(grown[1]))
    return shape, origin, shifts, [ImageWarning(code, f"{text} onto a straight grid of {shape[0]} × {shape[1]}")]
