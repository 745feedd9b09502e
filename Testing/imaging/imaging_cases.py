"""What several imaging tests need: random oblique grids, volumes with one marked voxel, hand-made NIfTI headers."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality

MARK = 1000


@st.composite
def geometries(draw: st.DrawFn, smallest: int = 1, largest: int = 9) -> Geometry:
    """Any turned, mirrored, stretched and shifted grid."""
    shape = tuple(draw(st.integers(smallest, largest)) for _ in range(3))
    spacing = tuple(draw(st.floats(0.2, 8.0)) for _ in range(3))
    origin = tuple(draw(st.floats(-500.0, 500.0)) for _ in range(3))
    turn = Rotation.from_euler("xyz", [draw(st.floats(-180.0, 180.0)) for _ in range(3)], degrees=True).as_matrix()
    flips = np.diag([draw(st.sampled_from([-1.0, 1.0])) for _ in range(3)])
    return Geometry(shape, spacing, origin, tuple(map(tuple, flips @ turn)))


@st.composite
def marked_images(draw: st.DrawFn, smallest: int = 1, largest: int = 9, dtype: Any = np.int16) -> Image:
    """A volume of zeros with one voxel of value MARK, anywhere."""
    geometry = draw(geometries(smallest, largest))
    voxels = np.zeros(geometry.shape, dtype)
    voxels[tuple(draw(st.integers(0, n - 1)) for n in geometry.shape)] = MARK
    return Image(voxels, geometry, Modality.MR)


def mark_mm(image: Image) -> NDArray[np.float64]:
    """LPS mm of the brightest voxel."""
    return image.geometry.to_world(np.unravel_index(int(np.argmax(image.voxels)), image.voxels.shape))


def write_nifti(
    path: Path,
    voxels: NDArray[Any],
    *,
    sform: NDArray[np.float64] | None = None,
    s_code: int = 1,
    q_code: int = 0,
    quaternion: Sequence[float] = (0, 0, 0),
    q_offset: Sequence[float] = (0, 0, 0),
    pixdim: Sequence[float] = (1, 1, 1, 1),
    scale: tuple[float, float] = (0, 0),
    units: int = 2,
    dims: Sequence[int] | None = None,
    type_code: int | None = None,
    order: str = "<",
) -> Path:
    """A NIfTI-1 file with exactly these header fields."""
    codes = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "u2": 512}
    stored = voxels.astype(voxels.dtype.newbyteorder(order))
    head = bytearray(352)
    struct.pack_into(order + "i", head, 0, 348)
    extent = list(dims) if dims is not None else [3, *voxels.shape[::-1]]
    struct.pack_into(order + "8h", head, 40, *extent, *[1] * (8 - len(extent)))
    code = codes[voxels.dtype.str[1:]] if type_code is None else type_code
    struct.pack_into(order + "2h", head, 70, code, voxels.dtype.itemsize * 8)
    struct.pack_into(order + "8f", head, 76, *pixdim, 0, 0, 0, 0)
    struct.pack_into(order + "3f", head, 108, 352, *scale)
    head[123] = units
    struct.pack_into(order + "2h", head, 252, q_code, s_code)
    struct.pack_into(order + "6f", head, 256, *quaternion, *q_offset)
    if sform is not None:
        struct.pack_into(order + "12f", head, 280, *np.asarray(sform, np.float64)[:3].ravel())
    head[344:348] = b"n+1\0"
    path.write_bytes(bytes(head) + stored.tobytes())
    return path
