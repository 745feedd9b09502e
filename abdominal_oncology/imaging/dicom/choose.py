"""Which of the volumes found is meant: the one there is, or the one named."""

from __future__ import annotations

from abdominal_oncology.errors import InconsistentSeriesError, MissingInputError, WrongModalityError
from abdominal_oncology.imaging.dicom.kinds import SeriesKind
from abdominal_oncology.imaging.dicom.scan import Scan, Series, Volume
from abdominal_oncology.imaging.dicom.stack import Stack
from abdominal_oncology.imaging.image import ImageWarning

_MOST_LISTED = 12


def choose_stack(
    scan: Scan, where: str, *, series_uid: str = "", volume: int | None = None
) -> tuple[Stack, tuple[ImageWarning, ...]]:
    """The stack meant and warnings about what was left aside.

    Without ``volume`` there must be one image volume; localizers, screenshots and reports beside it do not count. With
    ``volume`` any volume may be chosen by its number in :func:`list_volumes`.
    """
    series = [one for one in scan.series if not series_uid or one.uid == series_uid]
    if not series:
        raise _nothing(scan, where, series_uid)
    found = list_volumes(series)
    if volume is not None:
        if not 0 <= volume < len(found):
            raise MissingInputError(
                f"there is no volume {volume}", where=where, remedy=f"choose one of:{_listing(found)}"
            )
        return _opened(found[volume][1]), _unreadable(scan)
    meant = [entry for entry in found if entry[1].kind is not SeriesKind.LOCALIZER]
    if not meant:
        kinds = ", ".join(sorted({str(one.kind) for one in series}))
        raise WrongModalityError(
            f"there is no image volume here, only: {kinds}",
            where=where,
            remedy="choose a CT or MR series" + (f", or name one of:{_listing(found)}" if found else ""),
        )
    if len(meant) > 1:
        raise InconsistentSeriesError(
            f"there are {len(meant)} volumes here",
            where=where,
            remedy=f"say which one is meant, by its series UID or its number here:{_listing(found)}",
        )
    aside = len(found) - 1 + sum(not one.volumes for one in series)
    warnings = _unreadable(scan)
    if aside:
        text = f"{aside} other objects beside this volume (localizers, screenshots, reports) were left aside"
        warnings = (*warnings, ImageWarning("other-content", text))
    return _opened(meant[0][1]), warnings


def list_volumes(series: list[Series]) -> list[tuple[Series, Volume]]:
    """All volumes of these series in their order; a volume's number is its place here."""
    return [(one, volume) for one in series for volume in one.volumes]


def _opened(volume: Volume) -> Stack:
    if volume.stack is None:
        assert volume.problem is not None
        raise volume.problem
    return volume.stack


def _nothing(scan: Scan, where: str, series_uid: str) -> MissingInputError:
    if series_uid and scan.series:
        return MissingInputError(f"there is no series {series_uid}", where=where, remedy="scan the folder to see which")
    reasons = sorted({skipped.reason for skipped in scan.skipped})
    text = f"no DICOM series ({len(scan.skipped)} files left out: {'; '.join(reasons[:3])})" if reasons else "no files"
    return MissingInputError(text, where=where, remedy="choose a folder that holds DICOM files")


def _unreadable(scan: Scan) -> tuple[ImageWarning, ...]:
    return tuple(
        ImageWarning("unreadable-file", f"{skipped.path}: {skipped.reason}")
        for skipped in scan.skipped
        if skipped.is_dicom
    )


def _listing(found: list[tuple[Series, Volume]]) -> str:
    lines = []
    for number, (series, volume) in enumerate(found[:_MOST_LISTED]):
        apart = f" [{volume.told_apart_by}]" if volume.told_apart_by else ""
        name, uid = series.description or "no description", series.uid or "UID removed"
        lines.append(f"\n  {number}: {name}{apart}, {len(volume.group.planes)} slices, {volume.kind}, {uid}")
    more = f"\n  … and {len(found) - _MOST_LISTED} more" if len(found) > _MOST_LISTED else ""
    return "".join(lines) + more
