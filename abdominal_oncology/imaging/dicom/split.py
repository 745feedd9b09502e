"""The files of one series → the volumes they hold: one SeriesInstanceUID may carry scouts, several planes or phases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.dicom.kinds import SeriesKind, kind_of
from abdominal_oncology.imaging.dicom.passes import passes_in_time
from abdominal_oncology.imaging.dicom.plane import SPLIT_KEYS
from abdominal_oncology.imaging.dicom.records import Frame, Header, Orientation
from abdominal_oncology.imaging.dicom.spacing import gaps_too_wide, is_even
from abdominal_oncology.imaging.image import ImageWarning

SAME_POSITION_MM = 0.01
_SAME_DIRECTION = 1e-3
_CONTRAST_KEYS = frozenset(
    {"TemporalPositionIdentifier", "EchoNumbers", "EchoTime", "InversionTime", "DiffusionBValue"}
)
_TIME_KEYS = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime")


@dataclass(frozen=True)
class Plane:
    """One picture and how far along the stack's normal it lies; ``twins`` are further copies of the same picture."""

    header: Header
    frame: Frame
    along_mm: float = 0.0
    twins: tuple[Plane, ...] = ()


@dataclass(frozen=True)
class PlaneGroup:
    """Pictures that belong together, sorted along their normal; ``told_apart_by`` says what made them a group."""

    planes: tuple[Plane, ...]
    kind: SeriesKind
    told_apart_by: tuple[str, ...] = ()
    warnings: tuple[ImageWarning, ...] = field(default=())


def split_series(headers: Iterable[Header]) -> list[PlaneGroup]:
    """All volumes of one series, the one with most pictures first.

    Files that hold no picture of a volume are left out; pictures that do not say where they lie make a group of their
    own, which cannot be opened.
    """
    groups: list[PlaneGroup] = []
    for planes, kind in _by_shape(headers):
        if planes[0].frame.position is None or planes[0].frame.orientation is None:
            groups.append(PlaneGroup(tuple(planes), kind))
            continue
        for part, reason in _separate(_along_normal(planes), ()):
            unique, warnings = _fold_repeats(part)
            for piece, more in _cut_at_gaps(unique):
                groups.append(PlaneGroup(tuple(piece), kind, reason, (*warnings, *more)))
    return sorted(groups, key=lambda group: -len(group.planes))


def normal_of(orientation: Orientation) -> NDArray[np.float64]:
    """Unit vector across the picture, row direction × column direction."""
    cross = np.cross(orientation[:3], orientation[3:])
    length = float(np.linalg.norm(cross))
    return cross / length if length > 0 else cross


def _by_shape(headers: Iterable[Header]) -> list[tuple[list[Plane], SeriesKind]]:
    """Groups of equal size, pixel spacing, orientation, frame of reference and kind."""
    directions: list[tuple[float, ...]] = []
    spacings: list[tuple[float, ...]] = []
    groups: dict[Hashable, list[Plane]] = defaultdict(list)
    for header in headers:
        kind = kind_of(header)
        if not kind.makes_volumes or header.pixels is None:
            continue
        for frame in header.frames:
            shape = (header.modality, header.pixels.rows, header.pixels.columns, header.frame_of_reference_uid)
            placed = frame.position is not None
            way = _cluster(directions, frame.orientation, _SAME_DIRECTION)
            step = _cluster(spacings, frame.pixel_spacing_mm, 1e-3)
            groups[(kind is SeriesKind.LOCALIZER, shape, placed, way, step)].append(Plane(header, frame))
    return [(planes, kind_of(planes[0].header)) for planes in groups.values()]


def _cluster(known: list[tuple[float, ...]], value: tuple[float, ...] | None, tolerance: float) -> int:
    if value is None:
        return -1
    for number, other in enumerate(known):
        if max(abs(a - b) for a, b in zip(value, other, strict=True)) <= tolerance:
            return number
    known.append(value)
    return len(known) - 1


def _along_normal(planes: Sequence[Plane]) -> list[Plane]:
    orientation = planes[0].frame.orientation
    assert orientation is not None
    normal = normal_of(orientation)
    placed = [replace(plane, along_mm=float(np.dot(plane.frame.position or (0, 0, 0), normal))) for plane in planes]
    return sorted(placed, key=lambda plane: (plane.along_mm, plane.header.instance_number, plane.header.path))


def _separate(planes: list[Plane], reason: tuple[str, ...]) -> list[tuple[list[Plane], tuple[str, ...]]]:
    """Phases, echoes, b-values … that share one place or interleave, told apart by the surest key that does it."""
    for part_of in (_parts_at_same_place, _parts_that_interleave):
        found = part_of(planes)
        if found:
            key, parts = found
            return [
                piece
                for value, part in parts
                for piece in _separate(part, (*reason, f"{key} {value}" if value not in (None, "") else f"no {key}"))
            ]
    return [(planes, reason)]


_Parts = tuple[str, list[tuple[object, list[Plane]]]]


def _parts_at_same_place(planes: list[Plane]) -> _Parts | None:
    repeats, deepest = _repeats(planes)
    if repeats == 0:
        return None
    for key in SPLIT_KEYS:
        parts = _by_key(planes, lambda plane, key=key: plane.frame.keys.get(key))  # type: ignore[misc]
        if key in _TIME_KEYS:
            passes = passes_in_time(planes, [str(plane.frame.keys.get(key, "")) for plane in planes], SAME_POSITION_MM)
            if passes:
                return key, [(part[0].frame.keys.get(key), part) for part in passes]
        elif 1 < len(parts) <= deepest and sum(_repeats(part)[0] for _, part in parts) < repeats:
            return key, parts
    numbers = [f"{plane.header.instance_number:012d}" for plane in planes]
    passes = passes_in_time(planes, numbers, SAME_POSITION_MM)
    if passes and len({len(part) for part in passes}) == 1 and not _same_instances(planes):
        return "instances from", [(part[0].header.instance_number, part) for part in passes]
    return None


def _parts_that_interleave(planes: list[Plane]) -> _Parts | None:
    """Two acquisitions of the same region whose slices fall between each other must not become one stack."""
    even = is_even([plane.along_mm for plane in planes])
    for key in SPLIT_KEYS:
        if key in _TIME_KEYS:
            continue
        parts = _by_key(planes, lambda plane, key=key: plane.frame.keys.get(key))  # type: ignore[misc]
        if not 1 < len(parts) <= 8 or min(len(part) for _, part in parts) < 3 or not _overlap(parts):
            continue
        different_contrast = key in _CONTRAST_KEYS
        new_scan = key == "AcquisitionNumber" and planes[0].header.modality == "CT"
        untangles = not even and all(is_even([plane.along_mm for plane in part]) for _, part in parts)
        if different_contrast or new_scan or untangles:
            return key, parts
    return None


def _by_key(planes: Sequence[Plane], key: Callable[[Plane], object]) -> list[tuple[object, list[Plane]]]:
    groups: dict[object, list[Plane]] = defaultdict(list)
    for plane in planes:
        groups[key(plane)].append(plane)
    return list(groups.items())


def _overlap(parts: list[tuple[object, list[Plane]]]) -> bool:
    """True when the stretch of one part reaches at least two slices into another's."""
    for part, other in pairwise(sorted((part for _, part in parts), key=lambda part: part[0].along_mm)):
        start, end = other[0].along_mm, part[-1].along_mm
        inside = sum(plane.along_mm > start for plane in part), sum(plane.along_mm < end for plane in other)
        if min(inside) >= 2:
            return True
    return False


def _repeats(planes: Sequence[Plane]) -> tuple[int, int]:
    """How many pictures lie where another one lies already, and the most at one place."""
    counts = [len(places) for places in _places(planes)]
    return sum(counts) - len(counts), max(counts)


def _places(planes: Sequence[Plane]) -> list[list[Plane]]:
    places: list[list[Plane]] = []
    for plane in planes:
        if places and plane.along_mm - places[-1][0].along_mm <= SAME_POSITION_MM:
            places[-1].append(plane)
        else:
            places.append([plane])
    return places


def _same_instances(planes: Sequence[Plane]) -> bool:
    """True when what repeats is the same instance, stored twice."""
    return any(
        len({(plane.header.instance_uid, plane.frame.index) for plane in place}) < len(place)
        for place in _places(planes)
    )


def _fold_repeats(planes: Sequence[Plane]) -> tuple[list[Plane], tuple[ImageWarning, ...]]:
    places = [_readable(place) for place in _places(planes)]
    folded = [replace(place[0], twins=tuple(place[1:])) for place in places]
    extra = len(planes) - len(folded)
    if not extra:
        return folded, ()
    text = f"{extra} of {len(planes)} pictures repeat a position and were dropped; they are compared when read"
    return folded, (ImageWarning("duplicate-slices", text),)


def _readable(place: list[Plane]) -> list[Plane]:
    """Copies whose pixels are cut off stand back behind a whole one."""
    return [plane for plane in place if not plane.header.trouble] or place


def _cut_at_gaps(planes: list[Plane]) -> list[tuple[list[Plane], tuple[ImageWarning, ...]]]:
    cuts = gaps_too_wide([plane.along_mm for plane in planes])
    if not cuts:
        return [(planes, ())]
    pieces = np.split(np.arange(len(planes)), [cut + 1 for cut in cuts])
    holes = ", ".join(f"{planes[cut].along_mm:.1f} … {planes[cut + 1].along_mm:.1f} mm" for cut in cuts)
    warning = ImageWarning("split-at-gap", f"the series has a gap too wide to fill ({holes}); each side is a volume")
    return [([planes[k] for k in piece], (warning,)) for piece in pieces]
