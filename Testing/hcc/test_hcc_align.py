"""Known shifts are found again, from livers and from images; strangers and doubtful ones are told."""

from __future__ import annotations

import numpy as np
import pytest
from liver_scene import LiverScene

from abdominal_oncology.errors import GeometryMismatchError, InvalidInputError
from abdominal_oncology.hcc.align import SEARCH_MM, AlignBy, Alignment, align_livers, peak
from abdominal_oncology.hcc.align_by_image import align_image
from abdominal_oncology.hcc.cut import cut_patch, patch_grid
from abdominal_oncology.hcc.patch import PATCH_SHAPE, PATCH_SPACING_MM
from abdominal_oncology.hcc.prepare import prepare
from abdominal_oncology.imaging.geometry import Geometry

_TURN = np.radians(12.0)
_OBLIQUE = (
    (0.0, -float(np.sin(_TURN)), float(np.cos(_TURN))),
    (0.0, float(np.cos(_TURN)), float(np.sin(_TURN))),
    (1.0, 0.0, 0.0),
)


@pytest.mark.parametrize("shift", [-17.0, -3.2, 0.0, 6.9, 21.3])
def test_known_shift_from_livers_within_half_a_slice(shift: float) -> None:
    scene = LiverScene(shifts_mm={"arterial": shift})
    found = align_livers("arterial", scene.liver_mask(), scene.liver_mask("arterial"), scene.grid)
    assert found.shift_mm == pytest.approx(shift, abs=1.25)
    assert found.confidence > 0.8
    assert found.to_phase([0, 0, 0]) == pytest.approx([0, 0, found.shift_mm])


@pytest.mark.parametrize("shift", [-17.0, 0.0, 6.9, 21.3])
def test_known_shift_from_the_image_alone_within_half_a_slice(shift: float) -> None:
    scene = LiverScene(shifts_mm={"arterial": shift}, noise_hu=12.0)
    found = align_image("arterial", scene.image("portal"), scene.liver_mask(), scene.image("arterial"))
    assert found.by is AlignBy.IMAGE
    assert found.shift_mm == pytest.approx(shift, abs=1.25)
    assert found.confidence > 0.8


def test_phases_of_other_spacing_and_field_of_view() -> None:
    scene = LiverScene(shifts_mm={"arterial": 9.0})
    other = Geometry((30, 100, 90), (5.0, 1.9, 2.1), (-95.0, -92.0, -70.0))
    image = align_image("arterial", scene.image("portal"), scene.liver_mask(), scene.image("arterial", other))
    assert image.shift_mm == pytest.approx(9.0, abs=2.5)
    livers = align_livers("arterial", scene.liver_mask(), scene.liver_mask("arterial", other), other)
    assert livers.shift_mm == pytest.approx(9.0, abs=2.5)


def test_another_patient_gets_no_confidence() -> None:
    scene = LiverScene()
    stranger = LiverScene(half_axes_mm=(52.0, 74.0, 68.0), seed=5)
    image = align_image("arterial", scene.image("portal"), scene.liver_mask(), stranger.image("arterial"))
    livers = align_livers("arterial", scene.liver_mask(), stranger.liver_mask(), stranger.grid)
    assert image.confidence < 0.5
    assert livers.confidence < 0.5


def test_a_shift_follows_the_normal_of_oblique_slices() -> None:
    scene = LiverScene(shifts_mm={"arterial": 10.0})
    grid = Geometry((50, 120, 130), (3.0, 1.5, 1.5), tuple(-(np.array([130, 120, 0]) * 0.75) - [0, 10, 70]), _OBLIQUE)
    found = align_image(
        "arterial", scene.image("portal", grid), scene.liver_mask(grid=grid), scene.image("arterial", grid)
    )
    # the liver went straight up; along the tilted normal that is a little less
    assert found.shift_mm == pytest.approx(10.0 * np.cos(_TURN), abs=1.5)


def test_a_portal_phase_without_the_liver_is_refused() -> None:
    scene = LiverScene()
    away = Geometry((20, 60, 60), (2.5, 1.5, 1.5), (900.0, 900.0, 900.0))
    with pytest.raises(GeometryMismatchError):
        align_image("arterial", scene.image("portal", away), scene.liver_mask(), scene.image("arterial"))


def test_rigid_finds_a_sideways_move_that_a_shift_cannot() -> None:
    scene = LiverScene(shifts_mm={"arterial": 6.0}, noise_hu=5.0)
    beside = scene.image("arterial").derive("move", geometry=_moved(scene.grid, (8.0, -4.0, 0.0)))
    prepared = prepare(scene.case(arterial=beside, delayed=None), by="rigid")
    found = prepared.alignments["arterial"]
    assert found.by is AlignBy.RIGID
    assert found.to_phase(scene.centre_mm) - scene.centre_mm == pytest.approx([8.0, -4.0, 6.0], abs=1.5)


def test_given_shifts_are_taken_and_unknown_methods_refused() -> None:
    scene = LiverScene()
    prepared = prepare(scene.case(), shifts_mm={"arterial": 4.0, "delayed": -2.0})
    assert prepared.alignments["arterial"].shift_mm == 4.0
    assert prepared.alignments["delayed"].by is AlignBy.GIVEN
    with pytest.raises(InvalidInputError, match="alignment"):
        prepare(scene.case(), by="magic")  # type: ignore[arg-type]


def test_livers_are_used_where_both_are_outlined() -> None:
    scene = LiverScene(shifts_mm={"arterial": -8.0})
    prepared = prepare(scene.case(livers={"arterial": scene.liver_mask("arterial")}))
    assert prepared.alignments["arterial"].by is AlignBy.LIVERS
    assert prepared.alignments["delayed"].by is AlignBy.IMAGE
    assert prepared.alignments["arterial"].shift_mm == pytest.approx(-8.0, abs=1.25)


def test_patch_shows_the_lesion_of_every_phase_at_one_place() -> None:
    scene = LiverScene(shifts_mm={"arterial": 12.0, "delayed": -9.0}, noise_hu=3.0)
    prepared = prepare(scene.case())
    patch = cut_patch(prepared, prepared.case.lesions[0])
    assert patch.hu.shape == (3, *PATCH_SHAPE)
    assert patch.grid.spacing_mm == PATCH_SPACING_MM
    assert patch.share_inside == 1.0
    assert not patch.warnings
    assert patch.grid.centre_mm == pytest.approx(scene.centre_mm, abs=1.5)
    medians = [float(np.median(hu[patch.lesion])) for hu in patch.hu]
    assert medians == pytest.approx([scene.lesion_hu[role] for role in patch.roles], abs=3)
    assert (patch.liver | ~patch.lesion).all()


def test_a_lesion_larger_than_the_patch_is_shown_in_part_and_told() -> None:
    scene = LiverScene(lesion_mm=78.0, centre_mm=(-10.0, 0.0, 0.0))
    prepared = prepare(scene.case(), shifts_mm={"arterial": 0.0, "delayed": 0.0})
    patch = cut_patch(prepared, prepared.case.lesions[0])
    assert 0.5 < patch.share_inside < 0.95
    assert [warning.code for warning in patch.warnings] == ["lesion_larger_than_patch"]


@pytest.mark.parametrize("size", [12.0, 30.0, 45.0])
def test_at_least_ninety_five_percent_fit(size: float) -> None:
    scene = LiverScene(lesion_mm=size)
    grid, share = patch_grid(scene.case(delayed=None).lesions[0], scene.grid)
    assert share >= 0.95
    assert grid.shape == PATCH_SHAPE


def test_peak_between_samples_and_at_the_end() -> None:
    assert peak(np.array([1.0, 0.5, 0.2])) == (0.0, 1.0)
    place, _ = peak(1 - np.square(np.arange(7) - 3.3) / 20)
    assert place == pytest.approx(3.3)


def test_large_shift_within_the_search_is_found() -> None:
    scene = LiverScene(shape=(76, 84, 92), shifts_mm={"arterial": 0.8 * SEARCH_MM})
    found = align_image("arterial", scene.image("portal"), scene.liver_mask(), scene.image("arterial"))
    assert found.shift_mm == pytest.approx(0.8 * SEARCH_MM, abs=1.5)


def test_alignment_moves_grids_by_its_turn() -> None:
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    alignment = Alignment("arterial", AlignBy.RIGID, 0.0, 1.0, 1.0, turn, np.array([1.0, 2.0, 3.0]))
    grid = Geometry((2, 3, 4), (2.0, 1.0, 1.0), (5.0, 6.0, 7.0))
    moved = alignment.grid(grid)
    assert moved.to_world([1, 2, 3]) == pytest.approx(alignment.to_phase(grid.to_world([1, 2, 3])))


def _moved(grid: Geometry, by_mm: tuple[float, float, float]) -> Geometry:
    x, y, z = (a + b for a, b in zip(grid.origin_mm, by_mm, strict=True))
    return Geometry(grid.shape, grid.spacing_mm, (x, y, z), grid.directions)
