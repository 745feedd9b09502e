"""A case opens, counts its lesions, and names every kind of bad input: nothing is silent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from liver_scene import LiverScene

from abdominal_oncology.errors import (
    DifferentPatientsError,
    EmptyMaskError,
    GeometryMismatchError,
    InvalidInputError,
    MissingInputError,
    WrongModalityError,
)
from abdominal_oncology.hcc.case import MultiphaseCase, read_block
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.prepare import prepare
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import ArrayReader

_STILL = {"arterial": 0.0, "delayed": 0.0}


@pytest.fixture(scope="module")
def scene() -> LiverScene:
    return LiverScene(spacing_mm=(3.0, 2.5, 2.5), shape=(48, 66, 74))


def codes(case: MultiphaseCase) -> set[str]:
    return {
        warning.code for warning in (*case.warnings, *(each for lesion in case.lesions for each in lesion.warnings))
    }


def test_a_good_case_has_no_warning(scene: LiverScene) -> None:
    case = scene.case()
    assert codes(case) == set()
    assert case.roles == ("arterial", "portal", "delayed")
    assert {warning.code for warning in prepare(case).warnings} == set()


def test_each_label_is_a_lesion_and_parts_are_counted(scene: LiverScene) -> None:
    labels = np.zeros(scene.shape, np.uint8)
    labels[20:24, 30:34, 20:24] = 1
    labels[30:33, 30:34, 40:44] = 3
    labels[30:33, 40:43, 40:44] = 3
    case = scene.case(lesions=Image(labels, scene.grid, "MASK"))
    assert [lesion.name for lesion in case.lesions] == ["lesion 1", "lesion 3"]
    assert [lesion.parts for lesion in case.lesions] == [1, 2]
    assert codes(case) == {"lesion_in_parts"}
    split = scene.case(lesions=Image(labels, scene.grid, "MASK"), split_parts=True)
    assert [lesion.name for lesion in split.lesions] == ["lesion 1", "lesion 3 part 1", "lesion 3 part 2"]
    assert [lesion.voxels for lesion in split.lesions] == [64, 48, 36]
    assert codes(split) == set()


def test_segments_by_name_and_a_list_of_masks(scene: LiverScene) -> None:
    mask = scene.lesion_mask()
    assert [each.name for each in scene.case(lesions={"dome": mask}).lesions] == ["dome"]
    assert [each.name for each in scene.case(lesions=[mask, mask]).lesions] == ["lesion 1", "lesion 2"]
    volume = scene.case().lesions[0].volume_mm3
    assert volume == pytest.approx(4 / 3 * np.pi * (scene.lesion_mm / 2) ** 3, rel=0.08)


@pytest.mark.parametrize("role", ["arterial", "portal"])
def test_a_missing_phase_is_named(scene: LiverScene, role: str) -> None:
    with pytest.raises(MissingInputError, match=role):
        scene.case(**{role: None})


def test_two_phases_only_warns(scene: LiverScene) -> None:
    case = scene.case(delayed=None)
    assert codes(case) == {"delayed_missing"}
    assert case.roles == ("arterial", "portal")


def test_missing_liver_and_empty_masks(scene: LiverScene) -> None:
    empty = Image(np.zeros(scene.shape, np.uint8), scene.grid, "MASK")
    with pytest.raises(MissingInputError, match="liver"):
        scene.case(liver=None)
    with pytest.raises(EmptyMaskError, match="lesions"):
        scene.case(lesions=empty)
    with pytest.raises(EmptyMaskError, match="no lesion"):
        scene.case(lesions=[])
    with pytest.raises(EmptyMaskError, match="liver"):
        prepare(scene.case(liver=empty))


def test_phases_of_different_patients_are_refused_without_naming_them(scene: LiverScene) -> None:
    other = replace(scene, patient={"arterial": "secret-7"})
    with pytest.raises(DifferentPatientsError, match="different patients") as caught:
        other.case()
    assert "secret" not in str(caught.value)


def test_phases_of_different_examinations_warn(scene: LiverScene) -> None:
    image = scene.image("arterial")
    later = replace(image, source=replace(image.source, study_uid="9.9"))
    assert codes(scene.case(arterial=later)) == {"different_studies"}


def test_swapped_phases_warn(scene: LiverScene) -> None:
    swapped = scene.case(arterial=scene.image("portal"), portal=scene.image("arterial"))
    assert "phases_swapped" in {warning.code for warning in prepare(swapped, shifts_mm=_STILL).warnings}
    late = scene.case(delayed=scene.image("portal"), portal=scene.image("delayed"))
    assert "phase_order_doubtful" in {warning.code for warning in prepare(late, shifts_mm=_STILL).warnings}


def test_an_outlined_aorta_tells_a_swap_that_the_liver_does_not(scene: LiverScene) -> None:
    spot = (slice(None), slice(50, 56), slice(36, 42))
    aorta = np.zeros(scene.shape, np.uint8)
    aorta[spot] = 1

    def bright(role: str, hu: int) -> Image:
        image = scene.image(role)
        voxels = image.voxels.copy()
        voxels[spot] = hu
        return image.derive("paint", voxels=voxels)

    for arterial, portal, swapped in ((300, 140, False), (140, 300, True)):
        case = scene.case(
            arterial=bright("arterial", arterial),
            portal=bright("portal", portal),
            organs={"aorta": Image(aorta, scene.grid, "MASK")},
        )
        found = {warning.code for warning in prepare(case, shifts_mm=_STILL).warnings}
        assert ("phases_swapped" in found) is swapped


def test_unenhanced_portal_phase_warns(scene: LiverScene) -> None:
    plain = scene.case(non_contrast=scene.image("portal"))
    found = prepare(plain, shifts_mm=_STILL | {"non-contrast": 0.0}).warnings
    assert "no_enhancement" in {warning.code for warning in found}


def test_lesion_at_the_border_of_the_field_of_view_warns(scene: LiverScene) -> None:
    labels = np.zeros(scene.shape, np.uint8)
    labels[20:24, 30:34, :4] = 1
    assert codes(scene.case(lesions=Image(labels, scene.grid, "MASK"))) == {"lesion_cut"}


def test_one_voxel_and_one_slice_warn(scene: LiverScene) -> None:
    labels = np.zeros(scene.shape, np.uint8)
    labels[24, 33, 30] = 1
    assert codes(scene.case(lesions=Image(labels, scene.grid, "MASK"))) == {"lesion_one_voxel"}
    labels[24, 33:36, 30:33] = 1
    assert codes(scene.case(lesions=Image(labels, scene.grid, "MASK"))) == {"lesion_in_one_slice"}


def test_masks_on_another_grid_warn_and_lie_in_the_same_place(scene: LiverScene) -> None:
    grid = Geometry((60, 100, 110), (2.0, 1.5, 1.5), (-82.0, -75.0, -60.0))
    case = scene.case(lesions=scene.lesion_mask(grid), liver=scene.liver_mask(grid=grid))
    assert codes(case) == {"mask_on_other_grid", "liver_on_other_grid"}
    assert case.lesions[0].corners_mm.mean(axis=0) == pytest.approx(scene.centre_mm, abs=1.5)
    away = Geometry(grid.shape, grid.spacing_mm, (400.0, 0.0, 0.0))
    with pytest.raises(GeometryMismatchError, match="outside"):
        scene.case(lesions=Image(scene.lesion_mask(grid).voxels, away, "MASK"))


def test_thick_oblique_and_coronal_phases_warn() -> None:
    thick = LiverScene(spacing_mm=(5.0, 3.0, 3.0), shape=(28, 56, 62))
    assert codes(thick.case()) == {"thick_slices"}
    c, s = float(np.cos(0.2)), float(np.sin(0.2))
    tilted = Geometry(
        (60, 56, 62), (2.5, 3.0, 3.0), (-91.0, -90.0, -85.0), ((0.0, -s, c), (0.0, c, s), (1.0, 0.0, 0.0))
    )
    assert codes(thick.case(arterial=thick.image("arterial", tilted))) >= {"oblique"}
    coronal = Geometry(
        (56, 50, 62), (3.0, 3.0, 3.0), (-91.0, -82.0, -72.0), ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    )
    case = thick.case(delayed=thick.image("delayed", coronal))
    assert "not_axial" in codes(case)
    prepared = prepare(case, shifts_mm={"arterial": 0.0})
    assert prepared.alignments["delayed"].shift_mm == pytest.approx(0.0, abs=2.5)


@pytest.mark.parametrize("change", ["offset", "scaled", "flat"])
def test_values_that_are_not_hu_are_refused(scene: LiverScene, change: str) -> None:
    image = scene.image("arterial")
    voxels = {
        "offset": image.voxels + 1024,
        "scaled": (image.voxels.astype(np.float32) + 1000) / 2000,
        "flat": np.zeros_like(image.voxels),
    }[change]
    with pytest.raises(WrongModalityError, match="Hounsfield"):
        prepare(scene.case(arterial=image.derive("spoil", voxels=voxels)))


def test_values_that_are_no_numbers_are_refused(scene: LiverScene) -> None:
    voxels = scene.image("arterial").voxels.astype(np.float32)
    voxels[::4, ::4, ::4] = np.nan
    with pytest.raises(WrongModalityError, match="no numbers"):
        prepare(scene.case(arterial=scene.image("arterial").derive("spoil", voxels=voxels)))


def test_mr_images_and_swapped_mask_and_image_are_refused(scene: LiverScene) -> None:
    image = scene.image("arterial")
    with pytest.raises(WrongModalityError, match="MR"):
        scene.case(arterial=Image(image.voxels, image.geometry, "MR"))
    with pytest.raises(WrongModalityError, match="mask"):
        scene.case(arterial=scene.lesion_mask())
    with pytest.raises(WrongModalityError, match="not a mask"):
        scene.case(lesions=image)


def test_a_phase_far_from_the_liver_is_refused(scene: LiverScene) -> None:
    image = scene.image("arterial")
    away = Image(image.voxels, Geometry(scene.shape, scene.spacing_mm, (0.0, 0.0, 900.0)), "CT", image.source)
    with pytest.raises(GeometryMismatchError, match="does not reach"):
        prepare(scene.case(arterial=away))


def test_priors_name_their_lesion(scene: LiverScene) -> None:
    case = scene.case(priors={"lesion 1": PriorSize(12.0, months=4.0)})
    assert case.priors["lesion 1"].size_mm == 12.0
    with pytest.raises(InvalidInputError, match="lesion 7"):
        scene.case(priors={"lesion 7": PriorSize(12.0, months=4.0)})


def test_only_the_slices_needed_are_read(scene: LiverScene) -> None:
    asked: list[int] = []

    class Counting(ArrayReader):
        def read(self, slices=None, progress=lambda fraction, stage: None):  # type: ignore[no-untyped-def]
            asked.extend(range(self.geometry.shape[0]) if slices is None else slices)
            return super().read(slices, progress)

    box = np.array([[-5.0, -5.0, -6.0], [5.0, 5.0, 6.0]])
    block = read_block(Counting(scene.image("portal")), box, "portal phase")
    assert 4 <= len(asked) <= 6
    assert block.geometry.shape[1] <= 7
    index = np.round(scene.grid.to_index(block.geometry.to_world([0, 0, 0]))).astype(int)
    assert block.voxels[0, 0, 0] == scene.image("portal").voxels[tuple(index)]


def test_a_map_of_organs_is_not_taken_for_lesions() -> None:
    scene = LiverScene(spacing_mm=(5.0, 5.0, 5.0), shape=(24, 32, 36))
    labels = np.zeros(scene.grid.shape, np.uint8)
    labels.reshape(-1)[4000 : 4000 + 60] = np.arange(1, 61)
    with pytest.raises(InvalidInputError, match="60 lesions are outlined"):
        scene.case(lesions=Image(labels, scene.grid, "MASK"))
    with pytest.raises(WrongModalityError, match="not a mask"):
        scene.case(lesions=Image(scene.image("portal").voxels, scene.grid, "MASK"))
