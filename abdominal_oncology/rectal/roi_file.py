"""A box around rectum and tumour on disk, as Slicer's markups ROI (``.mrk.json``), and as six numbers in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from abdominal_oncology.errors import InvalidInputError, MissingInputError, UnreadableFileError
from abdominal_oncology.files import write_atomically
from abdominal_oncology.imaging.geometry import Matrix, Vector
from abdominal_oncology.rectal.box import Box

ENDING = ".mrk.json"

_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)


def parse_box(text: str) -> Box:
    """Six numbers, centre and size in LPS mm.

    >>> parse_box("0,-12.5,30,100,90,60").size_mm
    (100.0, 90.0, 60.0)
    """
    try:
        x, y, z, width, depth, height = (float(each) for each in text.replace(";", ",").split(","))
    except ValueError:
        raise InvalidInputError(
            f"{text!r} is no region",
            remedy=f"give x,y,z,width,depth,height in LPS mm, or a file {ENDING} that Slicer saved",
        ) from None
    return Box((x, y, z), (width, depth, height))


def read_roi_file(path: Path) -> Box:
    """The one ROI of a markups file, in LPS whatever its coordinate system is."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        (roi,) = (each for each in table["markups"] if each.get("type") == "ROI")
        centre, size = roi.get("center"), roi.get("size")
        if centre is None or size is None:
            raise MissingInputError("the ROI is not placed", where=path, remedy="place it in Slicer and save it again")
        flips = np.array([-1.0, -1.0, 1.0]) if str(roi.get("coordinateSystem", "LPS")).upper() in ("RAS", "0") else 1.0
        # nine numbers, row by row, of the matrix whose columns are the axes
        columns = np.asarray(roi.get("orientation") or np.eye(3), dtype=np.float64).reshape(3, 3)
        return Box(
            _vector(np.asarray(centre, np.float64) * flips),
            _vector(np.asarray(size, np.float64)),
            _axes(columns.T * flips),
        )
    except FileNotFoundError as missing:
        raise MissingInputError("there is no such file", where=path) from missing
    except OSError as trouble:
        raise UnreadableFileError(f"the file cannot be read: {trouble.strerror}", where=path) from trouble
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        if isinstance(wrong, InvalidInputError):
            raise
        raise UnreadableFileError(
            "this file does not hold one markups ROI", where=path, remedy="save the ROI alone from Slicer"
        ) from wrong


def write_roi_file(box: Box, path: Path) -> None:
    """As Slicer reads it."""
    roi = {
        "type": "ROI",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "roiType": "Box",
        "center": list(box.centre_mm),
        "orientation": np.asarray(box.axes).T.ravel().tolist(),
        "size": list(box.size_mm),
        "controlPoints": [{"id": "1", "position": list(box.centre_mm), "positionStatus": "defined"}],
    }
    write_atomically(path, json.dumps({"@schema": _SCHEMA, "markups": [roi]}, indent=1).encode())


def _vector(values: Any) -> Vector:
    x, y, z = (float(each) for each in values)
    return (x, y, z)


def _axes(rows: Any) -> Matrix:
    x, y, z = (_vector(row) for row in rows)
    return (x, y, z)
