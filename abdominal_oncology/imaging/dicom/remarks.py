"""Remarks on a volume that its headers call for: lossy compression, missing rescale, cut-off files, odd units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from abdominal_oncology.imaging.dicom.kinds import SeriesKind
from abdominal_oncology.imaging.dicom.syntax import TransferSyntax
from abdominal_oncology.imaging.image import ImageWarning

if TYPE_CHECKING:
    from abdominal_oncology.imaging.dicom.split import Plane

_HOUNSFIELD = ("", "HU", "US")
_LOSSY = frozenset(syntax.value for syntax in TransferSyntax if syntax.may_be_lossy)


def remarks_on(planes: Sequence[Plane], kind: SeriesKind) -> tuple[ImageWarning, ...]:
    """Warnings about values, not geometry."""
    found: list[ImageWarning] = []

    def remark(code: str, text: str, applies: Callable[[Plane], bool]) -> None:
        count = sum(applies(plane) for plane in planes)
        if count:
            found.append(ImageWarning(code, text.format(count=count, all=len(planes))))

    for plane in planes:
        if plane.header.trouble:
            text = f"{plane.header.path}: {plane.header.trouble}; asking for its slice is an error"
            found.append(ImageWarning("unreadable-slice", text))
    if planes[0].header.modality == "CT":
        remark(
            "no-rescale",
            "{count} of {all} slices name no rescale slope and intercept; their values may not be HU",
            lambda plane: not plane.frame.has_rescale,
        )
        remark(
            "not-hounsfield",
            "{count} of {all} slices hold another quantity than HU (RescaleType)",
            lambda plane: plane.frame.rescale_type.strip().upper() not in _HOUNSFIELD,
        )
    remark(
        "lossy-compression",
        "{count} of {all} slices were compressed with loss",
        lambda plane: (
            plane.header.facts.get("LossyImageCompression") == "01"
            or (plane.header.pixels is not None and plane.header.pixels.transfer_syntax in _LOSSY)
        ),
    )
    remark(
        "monochrome1",
        "{count} of {all} slices are meant to be shown with low values bright"
        + (" (HU are not affected)" if planes[0].header.modality == "CT" else "; they were inverted"),
        lambda plane: plane.header.pixels is not None and plane.header.pixels.photometric == "MONOCHROME1",
    )
    if kind is SeriesKind.LOCALIZER:
        found.append(ImageWarning("localizer", "this is a localizer (scout), not a diagnostic series"))
    return tuple(found)
