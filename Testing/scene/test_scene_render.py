"""Pictures: the right slice, the right grey, the right place, without a screen, and nothing left behind."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from ctypes.util import find_library
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from abdominal_oncology.errors import (  # noqa: E402
    EmptyMaskError,
    InvalidInputError,
    MissingDependencyError,
    MissingInputError,
)
from abdominal_oncology.imaging.geometry import Geometry  # noqa: E402
from abdominal_oncology.imaging.image import Image, Modality  # noqa: E402
from abdominal_oncology.scene import (  # noqa: E402
    Overlay,
    SliceRenderer,
    montage,
    png_bytes,
    segmentation_node_from_masks,
    slice_picture,
    surface_picture,
    volume_node_from_image,
    write_png,
)

CUBE = Geometry((60, 60, 60), (1.0, 1.0, 1.0), (-30.0, -30.0, 0.0))


@pytest.fixture
def marked():
    """Grey rises from foot to head; one bright block lies to the patient's left, at the back, near the head."""
    k, _, _ = np.indices(CUBE.shape)
    voxels = (k * 2).astype(np.int16)
    voxels[40:50, 42:52, 44:54] = 240
    return Image(voxels, CUBE, Modality.CT)


@pytest.fixture
def block(marked):
    return Image(marked.voxels == 240, CUBE, Modality.MASK)


def centre_of(pixels: np.ndarray) -> tuple[float, float]:
    """Row and column, as fractions of the picture, of what is True."""
    row, column = np.argwhere(pixels).mean(0)
    return row / pixels.shape[0], column / pixels.shape[1]


def test_planes_show_the_patient_as_radiologists_do(marked) -> None:
    with SliceRenderer(240, 240) as renderer:
        renderer.show(volume_node_from_image(marked, "ct"), window=(0, 255))
        bright = {
            plane: centre_of(renderer.picture(plane, position)[..., 0] > 200)
            for plane, position in (("axial", 45.0), ("coronal", 17.0), ("sagittal", 19.0))
        }
    # a fraction of 0.5 + 19 / 60 right of the middle is the patient's left; top is front (axial) or head
    assert bright["axial"] == pytest.approx((0.5 + 16.5 / 60, 0.5 + 18.5 / 60), abs=0.03)
    assert bright["coronal"] == pytest.approx((0.5 - 14.5 / 60, 0.5 + 18.5 / 60), abs=0.03)
    row, column = bright["sagittal"]
    assert row == pytest.approx(0.5 - 14.5 / 60, abs=0.03)
    assert abs(column - 0.5) == pytest.approx(16.5 / 60, abs=0.03)


def test_the_position_chooses_the_slice_and_the_window_its_grey(marked) -> None:
    with SliceRenderer(64, 64) as renderer:
        renderer.show(marked, window=(0, 120))
        for z in (5.0, 20.0, 35.0):
            grey = renderer.picture("axial", z)[32, 32]
            assert grey.tolist() == pytest.approx([2 * z / 120 * 255] * 3, abs=3)
        renderer.show(marked, window=(60, 61))
        assert renderer.picture("axial", 20.0)[32, 32].tolist() == [0, 0, 0]
        assert renderer.picture("axial", 35.0)[32, 32].tolist() == [255, 255, 255]


def test_a_moved_volume_is_drawn_where_its_transform_puts_it(transform_node, marked) -> None:
    node = volume_node_from_image(marked, "ct")
    move = np.eye(4)
    move[:3, 3] = (0.0, 0.0, 300.0)
    node.SetAndObserveTransformNodeID(transform_node(move).GetID())
    assert slice_picture(node, "axial", 330.0, window=(0, 120), size=(64, 64))[32, 32, 0] == pytest.approx(128, abs=3)
    assert not slice_picture(node, "axial", 30.0, window=(0, 120), size=(64, 64)).any()


def test_segments_are_drawn_where_they_are_in_their_colours(marked, block) -> None:
    node = volume_node_from_image(marked, "ct")
    other = Image(np.roll(block.voxels, -30, axis=2), CUBE, Modality.MASK)
    segmentation = segmentation_node_from_masks({"liver": block, "spleen": other}, "s", beside=node)
    with SliceRenderer(240, 240) as renderer:
        renderer.show(node, window=(0, 255))
        plain = renderer.picture("axial", 45.0).astype(int)
        renderer.show(node, Overlay(segmentation, fill=0.5), window=(0, 255))
        both = renderer.picture("axial", 45.0).astype(int)
        renderer.show(node, Overlay(segmentation, ("liver",), outline=False, fill=1.0), window=(0, 255))
        one = renderer.picture("axial", 45.0).astype(int)
        renderer.show(node, Overlay(segmentation, ("liver",), outline=True, fill=0.0), window=(0, 255))
        line = renderer.picture("axial", 45.0).astype(int)
    coloured = {name: np.abs(each - plain).max(-1) > 8 for name, each in (("both", both), ("one", one), ("line", line))}
    row, column = centre_of(coloured["one"])
    assert (row, column) == pytest.approx((0.5 + 16.5 / 60, 0.5 + 18.5 / 60), abs=0.03)
    assert coloured["one"].sum() == pytest.approx((10 * 240 / 60) ** 2, rel=0.15)
    assert one[int(row * 240), int(column * 240)].tolist() == pytest.approx([165, 85, 60], abs=4)
    assert coloured["both"].sum() > 1.7 * coloured["one"].sum()
    assert 0 < coloured["line"].sum() < 0.5 * coloured["one"].sum()
    assert not coloured["line"][int(row * 240), int(column * 240)]


def test_drawing_leaves_the_scene_alone(scene, marked, block) -> None:
    node = volume_node_from_image(marked, "ct")
    segmentation = segmentation_node_from_masks({"liver": block}, "s", beside=node)
    before = {scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())}
    time = segmentation.GetSegmentation().GetMTime(), node.GetMTime()
    factories = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    registered = factories.GetRegisteredDisplayableManagerCount()
    for _ in range(3):
        slice_picture(node, overlay=Overlay(segmentation), size=(64, 64))
    assert {scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())} == before
    assert (segmentation.GetSegmentation().GetMTime(), node.GetMTime()) == time
    assert factories.GetRegisteredDisplayableManagerCount() == registered
    scene.Clear(False)  # closing the scene in the middle does not disturb a renderer
    with SliceRenderer(64, 64) as renderer:
        renderer.show(marked)
        scene.Clear(False)
        assert renderer.picture().any()


def test_an_mr_picture_uses_the_range_of_its_values() -> None:
    rng = np.random.default_rng(0)
    image = Image(rng.uniform(1000, 3000, (8, 32, 32)).astype(np.float32), Geometry((8, 32, 32)), Modality.MR)
    picture = slice_picture(image, size=(64, 64))
    assert picture.max() > 240
    assert picture[picture.any(-1)].min() < 20
    flat = Image(np.full((4, 8, 8), 7.0, np.float32), Geometry((4, 8, 8)), Modality.MR)
    assert slice_picture(flat, size=(32, 32)).shape == (32, 32, 3)


def test_bad_requests_are_refused(marked, block) -> None:
    segmentation = segmentation_node_from_masks({"liver": block}, "s")
    with SliceRenderer(64, 64) as renderer:
        with pytest.raises(InvalidInputError, match="nothing to draw"):
            renderer.picture()
        with pytest.raises(InvalidInputError, match="grey range"):
            renderer.show(marked, window=(5, 5))
        with pytest.raises(MissingInputError, match="spleen"):
            renderer.show(marked, Overlay(segmentation, ("spleen",)))
        renderer.show(marked)
        with pytest.raises(InvalidInputError, match="axial, coronal, sagittal, native"):
            renderer.picture("oblique")
    with pytest.raises(InvalidInputError, match="pixels"):
        SliceRenderer(4, 4)


def test_surfaces_are_seen_from_the_front(block) -> None:
    other = Image(np.roll(block.voxels, -30, axis=2), CUBE, Modality.MASK)
    node = segmentation_node_from_masks({"liver": block, "spleen": other}, "s")
    try:
        picture = surface_picture(node, ("liver", "spleen"), size=(200, 200)).astype(int)
    except MissingDependencyError as missing:
        pytest.skip(str(missing))
    coloured = (picture.max(-1) - picture.min(-1)) > 25
    assert coloured.any()
    liver = coloured & (picture[..., 0] > picture[..., 2])
    spleen = coloured & (picture[..., 2] > picture[..., 1] + 20) & ~liver
    assert centre_of(liver)[1] > centre_of(spleen)[1]  # the block on the patient's left is on the right of the picture
    with pytest.raises(EmptyMaskError, match="surface"):
        surface_picture(segmentation_node_from_masks({"x": Image(block.voxels & False, CUBE, Modality.MASK)}, "e"))


def test_without_opengl_slices_are_drawn_and_surfaces_say_what_is_missing() -> None:
    """VTK would crash there, so this is tried in a process of its own."""
    if find_library("OSMesa"):
        pytest.skip("this machine has OSMesa, so there is always an OpenGL")
    program = (
        "import numpy as np\n"
        "from abdominal_oncology.errors import MissingDependencyError\n"
        "from abdominal_oncology.imaging.geometry import Geometry\n"
        "from abdominal_oncology.imaging.image import Image\n"
        "from abdominal_oncology.scene import *\n"
        "block = np.zeros((8, 16, 16), bool); block[2:6, 4:12, 4:12] = True\n"
        "grid = Geometry(block.shape)\n"
        "node = segmentation_node_from_masks({'liver': Image(block, grid, 'MASK')}, 's')\n"
        "print(slice_picture(Image(block * np.int16(99), grid, 'CT'), overlay=Overlay(node), size=(32, 32)).any())\n"
        "try:\n"
        "    surface_picture(node)\n"
        "except MissingDependencyError as missing:\n"
        "    print(missing.remedy)\n"
    )
    environment = dict(os.environ, VTK_DEFAULT_OPENGL_WINDOW="vtkOSOpenGLRenderWindow")
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert ended.returncode == 0, ended.stderr
    drawn, remedy = ended.stdout.splitlines()
    assert drawn == "True"
    assert "Mesa" in remedy


def test_the_volumes_own_plane_shows_its_own_slices(oblique: Geometry) -> None:
    """A tilted stack is drawn slice by slice as it was taken: each picture has one grey, that of its slice."""
    k = np.indices(oblique.shape)[0]
    image = Image((k * 10).astype(np.int16), oblique, Modality.MR)
    mask = Image(np.indices(oblique.shape)[2] < 15, oblique, Modality.MASK)
    node = segmentation_node_from_masks({"liver": mask}, "s")
    middle = (oblique.shape[0] - 1) / 2
    with SliceRenderer(120, 120) as renderer:
        for index in (1, 6, 10):
            renderer.show(image, window=(0, 255))
            picture = renderer.picture("native", (index - middle) * oblique.spacing_mm[0])
            shown = picture[picture.any(-1)]
            assert np.median(shown) == pytest.approx(10 * index, abs=1)
            assert (np.abs(shown.astype(int) - 10 * index) <= 2).mean() > 0.95
            assert len(shown) / picture[..., 0].size == pytest.approx(16 / 21, abs=0.08)  # 20 × 0.8 by 30 × 0.7 mm
            renderer.show(image, Overlay(node, outline=False, fill=1.0), window=(0, 255))
            covered = (renderer.picture("native", (index - middle) * oblique.spacing_mm[0]) == (165, 85, 60)).all(-1)
            assert covered.sum() / len(shown) == pytest.approx(0.5, abs=0.03)


def test_a_bent_or_surface_segmentation_is_drawn_on_the_volumes_grid(transform_node, marked, block) -> None:
    shear = np.eye(4)
    shear[0, 2] = 0.1
    sheared = segmentation_node_from_masks({"liver": block}, "s")
    sheared.SetAndObserveTransformNodeID(transform_node(shear).GetID())
    surface = segmentation_node_from_masks({"liver": block}, "t")
    surface.CreateClosedSurfaceRepresentation()
    surface.GetSegmentation().SetSourceRepresentationName("Closed surface")
    surface.GetSegmentation().RemoveRepresentation("Binary labelmap")
    with SliceRenderer(240, 240) as renderer:
        renderer.show(marked, Overlay(sheared, outline=False, fill=1.0), window=(0, 255))
        row, column = centre_of((renderer.picture("axial", 45.0) == (165, 85, 60)).all(-1))
        # 45 mm up, the shear moves 4.5 mm to the patient's right, which is left in the picture
        assert (row, column) == pytest.approx((0.5 + 16.5 / 60, 0.5 + 14.0 / 60), abs=0.03)
        renderer.show(marked, Overlay(surface, outline=False, fill=1.0), window=(0, 255))
        row, column = centre_of((renderer.picture("axial", 45.0) == (165, 85, 60)).all(-1))
        assert (row, column) == pytest.approx((0.5 + 16.5 / 60, 0.5 + 18.5 / 60), abs=0.03)


def test_many_pictures_do_not_eat_memory() -> None:
    psutil = pytest.importorskip("psutil")
    image = Image(np.ones((16, 256, 256), np.int32), Geometry((16, 256, 256)), Modality.MR)  # 4 MiB
    process = psutil.Process()
    for _ in range(5):
        slice_picture(image, size=(64, 64))
    gc.collect()
    before = process.memory_info().rss
    for _ in range(40):
        slice_picture(image, size=(64, 64))
    gc.collect()
    assert process.memory_info().rss - before < 5 * image.voxels.nbytes


@pytest.mark.parametrize("wrong", [{"fill": 1.5}, {"fill": -0.1}, {"line_pixels": 0}])
def test_an_overlay_that_means_nothing_is_refused(block, wrong) -> None:
    with pytest.raises(InvalidInputError, match="overlay"):
        Overlay(segmentation_node_from_masks({"liver": block}, "s"), **wrong)


def test_a_picture_is_a_real_png(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    picture = np.random.default_rng(1).integers(0, 256, (7, 11, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(pillow.open(BytesIO(png_bytes(picture))).convert("RGB")), picture)
    path = write_png(montage([picture, picture, picture], 2), tmp_path / "new" / "sheet.png")
    sheet = np.asarray(pillow.open(path).convert("RGB"))
    assert sheet.shape == (14, 22, 3)
    assert np.array_equal(sheet[7:, :11], picture)
    assert not sheet[7:, 11:].any()
    with pytest.raises(InvalidInputError, match="bytes"):
        png_bytes(picture.astype(float))
    with pytest.raises(InvalidInputError, match="one size"):
        montage([picture, picture[:3]], 2)
