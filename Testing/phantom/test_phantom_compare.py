"""The picture that sets real CT beside phantoms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.phantom.compare import side_by_side

Picture = pytest.importorskip("PIL.Image")


def body(directions: tuple[tuple[float, float, float], ...]) -> Image:
    """A block of soft tissue that is bright on the patient's right, in front."""
    voxels = np.full((2, 100, 100), -1000, np.int16)
    voxels[:, 20:80, 20:80] = 0
    front = slice(20, 40) if directions[1][1] > 0 else slice(60, 80)
    right = slice(20, 40) if directions[2][0] > 0 else slice(60, 80)
    voxels[:, front, right] = 240
    return Image(voxels, Geometry((2, 100, 100), (5, 4, 4), (0, 0, 0), directions), Modality.CT)  # type: ignore[arg-type]


@pytest.mark.parametrize("j", [1.0, -1.0])
@pytest.mark.parametrize("i", [1.0, -1.0])
def test_every_slice_is_shown_as_radiologists_look(tmp_path: Path, j: float, i: float) -> None:
    image = body(((0, 0, 1), (0, j, 0), (i, 0, 0)))
    path = side_by_side({"portal": ((image, 0), (image, 1)), "late": (None, (image, 0))}, tmp_path / "new" / "p.png")
    seen = np.asarray(Picture.open(path))
    assert seen.shape == (606, 600)
    brightest = np.argwhere(seen[40:300, :300] > 240).mean(axis=0)
    assert (brightest < (110, 150)).all()  # above and left
    assert seen[20:300, 300:].max() == 0  # no real scan of this phase


def test_nothing_to_compare_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="nothing to compare"):
        side_by_side({}, tmp_path / "p.png")
