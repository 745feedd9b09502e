"""One MRML scene for all these tests, emptied before each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality


@pytest.fixture(autouse=True)
def scene() -> Iterator[Any]:
    if find_spec("slicer") is None:  # the tests that need it are skipped; that of the anatomy table does not
        yield None
        return
    from abdominal_oncology.scene import boot, clear_scene

    clear_scene()
    yield boot()
    clear_scene()


@pytest.fixture
def oblique() -> Geometry:
    """A grid that is oblique in every direction, with three different spacings."""
    turn = rotation(0.3, -0.5, 1.1)[::-1]  # right-handed in (i, j, k)
    return Geometry((12, 20, 30), (2.5, 0.8, 0.7), (5.0, -60.0, 70.0), tuple(map(tuple, turn)))


@pytest.fixture
def transform_node(scene: Any) -> Callable[..., Any]:
    """Makes a linear transform node from a 4 × 4 RAS matrix, under a parent if given."""

    def make(matrix: NDArray[np.float64], parent: Any = None) -> Any:
        from abdominal_oncology.scene.grids import matrix_to_vtk

        node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        node.SetMatrixTransformToParent(matrix_to_vtk(matrix))
        if parent is not None:
            node.SetAndObserveTransformNodeID(parent.GetID())
        return node

    return make


@pytest.fixture
def blocks(oblique: Geometry) -> dict[str, Image]:
    """Two overlapping block masks and the CT they lie in."""
    shape = oblique.shape
    liver, kidney = np.zeros(shape, bool), np.zeros(shape, bool)
    liver[3:8, 4:15, 5:20] = True
    kidney[6:10, 10:18, 15:28] = True
    voxels = np.full(shape, -100, np.int16)
    voxels[liver], voxels[kidney] = 110, 160
    return {
        "ct": Image(voxels, oblique, Modality.CT),
        "liver": Image(liver, oblique, Modality.MASK),
        "kidney_left": Image(kidney, oblique, Modality.MASK),
    }


def rotation(x: float, y: float, z: float) -> NDArray[np.float64]:
    """Rotation matrix of three angles in radians."""
    from scipy.spatial.transform import Rotation

    matrix: NDArray[np.float64] = Rotation.from_euler("xyz", [x, y, z]).as_matrix()
    return matrix
