"""The header of a NIfTI-1 or NIfTI-2 file: where it lies, how it is stored, and what is doubtful about it.

Read here and not by ITK, which takes the spacing from ``pixdim`` even where the affine says otherwise.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, UnreadableFileError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import ImageWarning

HEADER_BYTES = 540
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_NO_VOLUME = {1: "single bits", 32: "complex numbers", 128: "colours", 1792: "complex numbers", 2304: "colours"}
_TO_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_CONFLICT_MM = 0.5


@dataclass(frozen=True)
class NiftiHeader:
    """Facts of one file; ``scale`` is (slope, intercept) or None when stored numbers are the values."""

    geometry: Geometry
    dtype: np.dtype[Any]
    offset: int
    scale: tuple[float, float] | None
    description: str
    warnings: tuple[ImageWarning, ...]


def parse_nifti_header(head: bytes, path: Path) -> NiftiHeader:
    """From the first bytes of a file (``HEADER_BYTES``; fewer for a tiny NIfTI-1 file)."""
    fields = _fields(head, path)
    dims = fields["dim"]
    count = dims[0]
    extent = dims[1 : count + 1]
    if not 1 <= count <= 7 or min(extent) < 1:
        raise UnreadableFileError(f"the NIfTI header has impossible sizes {list(dims)}", where=path)
    if count < 3:
        raise InvalidInputError(
            f"the file holds a picture of {count} axes, not a volume", where=path, remedy="choose a file with slices"
        )
    if max(extent[3:], default=1) > 1:
        raise InvalidInputError(
            f"the file holds {'×'.join(str(n) for n in extent)} values: a series or vectors, not one volume",
            where=path,
            remedy="split it into scalar volumes first",
        )
    offset = fields["offset"] or fields["end"]  # some writers leave it 0
    if not np.isfinite(offset) or not fields["end"] <= offset < 2**31:
        raise UnreadableFileError(f"the NIfTI header puts the voxels at byte {offset:g}", where=path)
    code = fields["datatype"]
    if code not in _TYPES:
        kind = _NO_VOLUME.get(code, f"an unknown number type ({code})")
        raise InvalidInputError(f"the voxels are {kind}, a volume needs real numbers", where=path)
    shape = (int(extent[2]), int(extent[1]), int(extent[0]))
    geometry, warnings = _place(shape, fields, path)
    slope, intercept = fields["scale"]
    scaled = np.isfinite(slope) and np.isfinite(intercept) and slope != 0 and (slope, intercept) != (1.0, 0.0)
    return NiftiHeader(
        geometry,
        np.dtype(fields["order"] + _TYPES[code]),
        int(offset),
        (slope, intercept) if scaled else None,
        fields["descrip"].split(b"\0")[0].decode("utf-8", "replace"),
        warnings,
    )


def _fields(head: bytes, path: Path) -> dict[str, Any]:
    for order in "<>":
        size = struct.unpack_from(order + "i", head)[0] if len(head) >= 4 else 0
        if size == 348 and len(head) >= 348 and head[344:348] == b"n+1\0":
            return {
                "order": order,
                "end": 352,
                "dim": struct.unpack_from(order + "8h", head, 40),
                "datatype": struct.unpack_from(order + "h", head, 70)[0],
                "pixdim": struct.unpack_from(order + "8f", head, 76),
                "offset": struct.unpack_from(order + "f", head, 108)[0],
                "scale": struct.unpack_from(order + "2f", head, 112),
                "units": head[123],
                "descrip": head[148:228],
                "codes": struct.unpack_from(order + "2h", head, 252),
                "quaternion": struct.unpack_from(order + "6f", head, 256),
                "rows": struct.unpack_from(order + "12f", head, 280),
            }
        if size == 540 and len(head) >= 540 and head[4:8] == b"n+2\0":
            return {
                "order": order,
                "end": 544,
                "dim": struct.unpack_from(order + "8q", head, 16),
                "datatype": struct.unpack_from(order + "h", head, 12)[0],
                "pixdim": struct.unpack_from(order + "8d", head, 104),
                "offset": struct.unpack_from(order + "q", head, 168)[0],
                "scale": struct.unpack_from(order + "2d", head, 176),
                "units": struct.unpack_from(order + "i", head, 500)[0],
                "descrip": head[240:320],
                "codes": struct.unpack_from(order + "2i", head, 344),
                "quaternion": struct.unpack_from(order + "6d", head, 352),
                "rows": struct.unpack_from(order + "12d", head, 400),
            }
    raise UnreadableFileError(
        "this is not a NIfTI file", where=path, remedy="check that the file is whole and its name ends as it should"
    )


def _place(
    shape: tuple[int, int, int], fields: dict[str, Any], path: Path
) -> tuple[Geometry, tuple[ImageWarning, ...]]:
    scale = _TO_MM.get(fields["units"] & 7, 1.0)
    q_code, s_code = fields["codes"]
    sform = np.vstack([np.reshape(fields["rows"], (3, 4)), [0, 0, 0, 1]]).astype(np.float64)
    has_sform = s_code > 0 and bool(np.abs(np.linalg.det(sform[:3, :3])) > 1e-12)
    warnings: tuple[ImageWarning, ...] = ()
    try:
        if has_sform:
            geometry = _geometry(shape, _RAS_TO_LPS @ sform, scale)
            if q_code > 0:
                warnings = _compare(geometry, shape, fields, scale)
        elif q_code > 0:
            geometry = _geometry(shape, _RAS_TO_LPS @ _qform(fields), scale)
        else:
            # without any orientation ITK, and so Slicer, takes the axes as LPS
            geometry = _geometry(shape, np.diag([*np.abs(fields["pixdim"][1:4]), 1.0]), scale)
            text = "the file does not say how the patient lies: left, back and head are assumed along i, j, k"
            warnings = (ImageWarning("no-orientation", text),)
    except InvalidInputError as odd:
        raise InvalidInputError(
            odd.problem, where=path, remedy="export it again with straight slices, or resample it in Slicer first"
        ) from odd
    return geometry, warnings


def _compare(
    geometry: Geometry, shape: tuple[int, int, int], fields: dict[str, Any], scale: float
) -> tuple[ImageWarning, ...]:
    try:
        other = _geometry(shape, _RAS_TO_LPS @ _qform(fields), scale)
    except InvalidInputError:
        return ()  # an unusable second answer is no evidence against the first
    apart = float(np.abs(geometry.corners_mm() - other.corners_mm()).max())
    if apart <= _CONFLICT_MM:
        return ()
    text = f"sform and qform of the file differ by up to {apart:.1f} mm; the sform was used"
    return (ImageWarning("orientation-conflict", text),)


def _geometry(shape: tuple[int, int, int], ijk_to_lps: NDArray[np.float64], scale: float) -> Geometry:
    affine = ijk_to_lps[:, [2, 1, 0, 3]].copy()
    affine[:3] *= scale
    return Geometry.from_affine(shape, affine)


def _qform(fields: dict[str, Any]) -> NDArray[np.float64]:
    b, c, d, x, y, z = fields["quaternion"]
    squares = b * b + c * c + d * d
    if squares > 1:  # rounding of a half turn: the standard asks to make it a unit vector
        b, c, d = (v / np.sqrt(squares) for v in (b, c, d))
    a = np.sqrt(max(0.0, 1.0 - squares))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    pixdim = fields["pixdim"]
    steps = np.array(pixdim[1:4], dtype=np.float64) * [1, 1, -1 if pixdim[0] < 0 else 1]
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * steps
    matrix[:3, 3] = (x, y, z)
    return matrix
