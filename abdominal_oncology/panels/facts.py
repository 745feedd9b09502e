"""An image's facts as the rows of a table that fits a narrow panel: fact, value, unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abdominal_oncology.imaging.image import Image, ImageWarning, Modality
from abdominal_oncology.imaging.summary import summarise

_ROWS = (  # key of the summary, how a person calls it, its UCUM unit
    ("modality", "modality", ""),
    ("shape_kji", "slices × rows × columns", ""),
    ("spacing_mm_kji", "spacing (slice, row, column)", "mm"),
    ("size_mm_kji", "extent (slice, row, column)", "mm"),
    ("plane", "plane", ""),
    ("obliquity_degrees", "tilt from the body axes", "deg"),
    ("origin_mm_lps", "first voxel (left, back, up)", "mm"),
    ("value_type", "stored as", ""),
    ("lowest_value", "lowest value", "value"),
    ("highest_value", "highest value", "value"),
    ("mean_value", "mean value", "value"),
)
_HEADER = ("SeriesDescription", "ContrastBolusAgent", "AcquisitionTime", "ConvolutionKernel", "ManufacturerModelName")


def fact_rows(image: Image, expects: Modality | str) -> list[dict[str, str]]:
    """Rows for a person to read; warnings last. ``expects`` is the modality that the panel's question is about."""
    facts = summarise(image)
    value_unit = "[hnsf'U]" if image.modality is Modality.CT else ""
    rows = [_row(name, facts[key], value_unit if unit == "value" else unit) for key, name, unit in _ROWS]
    header: Mapping[str, Any] = facts["header"]
    rows += [_row(keyword, header[keyword], "") for keyword in _HEADER if header.get(keyword)]
    warnings = [*image.warnings, *_unfit(image, Modality(expects))]
    return rows + [_row("warning", warning.message, "") for warning in warnings]


def _unfit(image: Image, expects: Modality) -> list[ImageWarning]:
    found = []
    if image.modality is Modality.OTHER:
        found.append(
            ImageWarning("modality-unknown", f"the volume does not say what it is; this panel is for {expects}")
        )
    elif image.modality is not expects:
        found.append(ImageWarning("modality-unfit", f"this panel is for {expects}, the volume is {image.modality}"))
    if image.geometry.plane != "axial":
        found.append(ImageWarning("not-axial", f"this panel is for axial slices, these are {image.geometry.plane}"))
    return found


def _row(name: str, value: Any, unit: str) -> dict[str, str]:
    return {"fact": name, "value": _text(value), "unit": unit}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " × ".join(_text(item) for item in value)
    return f"{value:.5g}" if isinstance(value, float) else str(value)
