"""The CT study: one anatomy in all phases, HU that follow physiology, what the scanner's settings change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from abdominal_oncology.errors import Cancelled, InvalidInputError
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.imaging.dicom import DicomReader, write_study
from abdominal_oncology.phantom.ct_artefacts import Artefacts
from abdominal_oncology.phantom.ct_protocol import Levels, draw_scanner, field_of_view_mm
from abdominal_oncology.phantom.ct_study import EXTENTS_MM, ct_study, habitus_of
from abdominal_oncology.phantom.physiology import Patient
from abdominal_oncology.phantom.result import Phantom

SMALL: dict[str, Any] = {"seconds": {"p": 75.0}, "spacing_mm": (20.0, 5.0, 5.0), "matrix": 88, "slices": 6}


def mask(phantom: Phantom, name: str, role: str = "portal") -> np.ndarray:
    return phantom.labels[role].voxels == find(name).number


def centre_mm(phantom: Phantom, name: str, role: str = "portal") -> np.ndarray:
    inside = np.argwhere(mask(phantom, name, role))
    assert len(inside), f"{name} is missing"
    return phantom.labels[role].geometry.to_world(inside.mean(axis=0))


def test_every_phase_shares_the_anatomy_and_breathes() -> None:
    seconds = {"non-contrast": None, "arterial": 38.0, "delayed": 200.0}
    settings = {"spacing_mm": (7.0, 5.0, 5.0), "matrix": 84, "thickness_mm": 2.5, "noise_hu": 0.0}
    phantom = ct_study(3, seconds=seconds, extent="upper", **settings)  # type: ignore[arg-type]
    heights = {role: centre_mm(phantom, "liver", role)[2] for role in seconds}
    shifts = {role: phantom.truth["phases"][role]["shift_mm"] for role in seconds}
    assert len(set(shifts.values())) == 3
    for role in ("arterial", "delayed"):
        moved = heights[role] - heights["non-contrast"]
        expected = shifts[role] - shifts["non-contrast"]
        assert moved == pytest.approx(expected, abs=0.45 * abs(expected) + 1.0)
    spine = [mask(phantom, "spinal_canal", role) for role in seconds]
    assert (spine[0] == spine[1]).all()  # bones do not breathe
    assert (spine[0] == spine[2]).all()


def test_contrast_brightens_the_aorta_first() -> None:
    seconds = {"plain": None, "arterial": 35.0, "portal": 75.0, "late": 400.0}
    phantom = ct_study(4, seconds=seconds, spacing_mm=(12.0, 3.2, 3.2), matrix=128, slices=14, noise_hu=0.0)

    def median(name: str, role: str) -> float:
        return float(np.median(phantom.images[role].voxels[mask(phantom, name, role)]))

    assert median("aorta", "arterial") > median("aorta", "portal") > median("aorta", "late") > median("aorta", "plain")
    assert median("liver", "portal") > median("liver", "arterial") > median("liver", "plain") - 1


def test_early_contrast_is_uneven_where_it_is_in_people() -> None:
    """Cortex before medulla, renal blood before that of the legs, stripes in the spleen; all gone later."""
    settings = {"spacing_mm": (8.0, 2.0, 2.0), "matrix": 208, "noise_hu": 0.0, "difficulty": 0.0}
    seconds = {"early": 30.0, "late": 300.0}
    phantom = ct_study(8, seconds=seconds, extent="upper", **settings)  # type: ignore[arg-type]
    rough = {}
    for role in seconds:
        hu = phantom.images[role].voxels
        tones = phantom.truth["phases"][role]["structures_hu"]
        rough[role] = hu[ndimage.binary_erosion(mask(phantom, "spleen", role), iterations=2)].std()
        kidney = mask(phantom, "kidney_left", role) | mask(phantom, "kidney_right", role)
        kidney = ndimage.binary_erosion(kidney, np.ones((1, 3, 3), bool))  # not its blurred border
        cortex, medulla = tones["renal_cortex"], tones["renal_medulla"]
        assert hu[kidney].mean() == pytest.approx(0.6 * cortex + 0.4 * medulla, abs=10 + 0.15 * abs(cortex - medulla))
    assert rough["early"] > 8 > 5 > rough["late"]


def test_a_seed_is_a_patient() -> None:
    settings = {"seconds": {"a": 40.0}, "spacing_mm": (20.0, 4.0, 4.0), "matrix": 100, "slices": 6}
    first, again, other = ct_study(9, **settings), ct_study(9, **settings), ct_study(10, **settings)  # type: ignore[arg-type]
    assert (first.images["a"].voxels == again.images["a"].voxels).all()
    assert (first.labels["a"].voxels == again.labels["a"].voxels).all()
    assert (first.images["a"].voxels != other.images["a"].voxels).mean() > 0.3
    assert first.images["a"].voxels.dtype == np.int16


@pytest.mark.parametrize("extent", ["upper", "neck-to-thigh"])
def test_other_extents_hold_what_they_promise(extent: str) -> None:
    phantom = ct_study(6, seconds={"p": 75.0}, spacing_mm=(20.0, 4.0, 4.0), matrix=112, extent=extent)
    names = {find(int(n)).name for n in np.unique(phantom.labels["p"].voxels) if n}
    assert {"liver", "spleen", "aorta"} <= names
    below = {"urinary_bladder", "femur_left"}
    assert (below <= names) if extent == "neck-to-thigh" else not (below & names)


def test_the_neck_to_thigh_is_higher_and_lower_than_the_abdomen() -> None:
    span = {}
    for extent in ("upper", "abdomen", "neck-to-thigh"):
        grid = ct_study(6, **SMALL | {"slices": None, "extent": extent, "matrix": 16}).images["p"].geometry
        span[extent] = grid.origin_mm[2], grid.origin_mm[2] + grid.size_mm[0]
    assert span["neck-to-thigh"][0] < span["abdomen"][0] < span["upper"][0]
    assert span["upper"][1] < span["abdomen"][1] < span["neck-to-thigh"][1] - 200


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"extent": "elbow"}, "no extent"),
        ({"seconds": {}}, "at least one series"),
        ({"matrix": 8}, "show nothing"),
        ({"slices": 0}, "show nothing"),
        ({"difficulty": 1.5}, "difficulty"),
        ({"thickness_mm": 7.0}, "7.0 mm"),
        ({"thickness_mm": 0.1}, "0.1 mm"),
        ({"spacing_mm": (2.5, -1.0, 1.0)}, "spacing"),
    ],
)
def test_bad_arguments_are_refused(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        ct_study(1, **SMALL | wrong)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="seed"):
        ct_study(-1, **SMALL)


def test_thick_slices_hold_partial_volumes_and_less_noise() -> None:
    thin, thick = (ct_study(7, **SMALL | {"thickness_mm": mm}) for mm in (1.25, 5.0))
    noise = [phantom.truth["scanner"]["noise_hu"] for phantom in (thin, thick)]
    assert noise[0] == pytest.approx(2 * noise[1])
    quiet = {"noise_hu": 0.0, "difficulty": 0.0, "spacing_mm": (6.0, 4.0, 4.0), "matrix": 100, "slices": 12}
    sharp, soft = (ct_study(7, **SMALL | quiet | {"thickness_mm": mm}) for mm in (1.0, 5.0))
    same = sharp.labels["p"].voxels == soft.labels["p"].voxels
    assert same.mean() > 0.99  # a label is that of the slice's middle; muscle's ragged border is drawn anew
    mixed = [((phantom.images["p"].voxels < -60) & mask(phantom, "liver", "p")).sum() for phantom in (sharp, soft)]
    assert mixed[1] > 1.3 * mixed[0]  # of lung, at the dome


def test_a_thick_slice_averages_its_levels() -> None:
    stack = Levels.of(np.array([0.0, 10.0]), 10.0, 4.0)
    assert stack.painted_mm.tolist() == [-2, 0, 2, 8, 10, 12]
    fine = stack.painted_mm.astype(np.float32)[:, None, None] ** 2
    np.testing.assert_allclose(stack.thick(fine).ravel(), [2.0, 102.0])
    assert stack.middle(np.arange(6, dtype=np.uint16)[:, None, None]).ravel().tolist() == [1, 4]
    shared = Levels.of(np.arange(4) * 5.0, 5.0, None)
    assert len(shared.painted_mm) == 9
    assert Levels.of(np.arange(4) * 8.0, 8.0, None).thickness_mm == 2.5


def test_the_noise_is_as_asked() -> None:
    settings = SMALL | {"spacing_mm": (20.0, 1.0, 1.0), "matrix": 256, "slices": 5, "difficulty": 0.0}
    plain, noisy = (ct_study(4, noise_hu=hu, **settings) for hu in (0.0, 20.0))
    change = noisy.images["p"].voxels.astype(float) - plain.images["p"].voxels
    inside = ndimage.binary_erosion(mask(plain, "liver", "p"), np.ones((1, 5, 5), bool))
    assert change[inside].std() == pytest.approx(20.0, rel=0.35)  # louder inside, as rays are longer


@dataclass(frozen=True)
class Ball:
    """An insert of 300 HU."""

    centre_mm: tuple[float, float, float] = (-70.0, 0.0, -60.0)
    radius_mm: float = 18.0
    name: str = "liver_lesion"

    @property
    def box_mm(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        x, y, z = self.centre_mm
        r = self.radius_mm
        return (x - r, y - r, z - r), (x + r, y + r, z + r)

    def paint(self, hu: np.ndarray, points_mm: np.ndarray, seconds: float | None) -> tuple[np.ndarray, np.ndarray]:
        inside = np.linalg.norm(points_mm - np.array(self.centre_mm), axis=-1) < self.radius_mm
        return np.where(inside, np.float32(300.0), hu), inside


def test_inserts_are_painted_and_labelled() -> None:
    settings = SMALL | {"spacing_mm": (6.0, 2.5, 2.5), "matrix": 160, "slices": 22, "noise_hu": 0.0, "difficulty": 0.0}
    plain, phantom = ct_study(5, **settings), ct_study(5, inserts=[Ball()], **settings)
    inside = mask(phantom, "liver_lesion", "p")
    grid = phantom.images["p"].geometry
    expected = 4 / 3 * np.pi * (18.0 * phantom.truth["patient"]["scale"]) ** 3
    assert inside.sum() * grid.voxel_volume_mm3 == pytest.approx(expected, rel=0.2)
    assert np.median(phantom.images["p"].voxels[inside]) == pytest.approx(300, abs=3)
    far = ~ndimage.binary_dilation(inside, iterations=3)
    assert (phantom.labels["p"].voxels == plain.labels["p"].voxels)[far].all()
    assert (phantom.images["p"].voxels == plain.images["p"].voxels)[far].all()


def test_a_study_survives_dicom(tmp_path: Path) -> None:
    seconds = {"plain": None, "venous": 75.0}
    phantom = ct_study(2, **SMALL | {"seconds": seconds, "slices": 4})
    folders = write_study(
        phantom.images, tmp_path, patient_name="Phantom^Two", patient_id="PHANTOM-2", seconds=seconds, seed=2
    )
    for role, image in phantom.images.items():
        back = DicomReader.from_folder(folders[role])
        assert (back.read() == image.voxels).all()
        assert back.geometry.same_grid(image.geometry)


def test_progress_is_told_and_can_cancel() -> None:
    seen: list[tuple[float, str]] = []
    ct_study(1, progress=lambda fraction, stage: seen.append((fraction, stage)), **SMALL | {"slices": 1})
    assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)
    assert seen[-1][0] == 1.0

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        ct_study(1, progress=stop, **SMALL)


def test_the_field_of_view_fits_most_patients() -> None:
    fits = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        habitus = habitus_of(Patient.sample(rng), rng)
        width = max(habitus.width_mm(z) for z in np.linspace(*EXTENTS_MM["abdomen"], 40)) * habitus.scale
        field = field_of_view_mm(habitus, EXTENTS_MM["abdomen"], rng)
        assert 0.8 * width < field <= 500 or field == 500
        fits.append(field >= width)
    assert 0.75 < np.mean(fits) < 1
    fitted = ct_study(1, seconds={"p": 75.0}, slices=2, matrix=32)
    step = fitted.truth["scanner"]["spacing_mm"]
    assert step[0] == 2.5
    assert 250 < step[1] * 32 <= 500


def test_dense_bones_darken_what_lies_between_them() -> None:
    water = np.full((128, 128), -1000.0, np.float32)
    y, x = np.mgrid[-63.5:64, -63.5:64] * 3.0
    water[(x / 170) ** 2 + (y / 110) ** 2 < 1] = 0
    bones = water.copy()
    bones[np.hypot(np.abs(x) - 90, y) < 22] = 900
    between, above = (np.abs(x) < 30) & (np.abs(y) < 8), (np.abs(x) < 30) & (np.abs(y + 70) < 8)
    error = Artefacts(hardening=1.0).error(bones, 3.0, np.random.default_rng(0))
    assert -60 < error[between].mean() < error[above].mean() - 4
    assert np.abs(Artefacts(hardening=1.0).error(water, 3.0, np.random.default_rng(0))).max() < 0.1
    cupped = Artefacts(cupping_hu=10.0).error(water, 3.0, np.random.default_rng(0))
    rim = ((x / 170) ** 2 + (y / 110) ** 2 < 0.9) & ((x / 170) ** 2 + (y / 110) ** 2 > 0.75)
    assert -16 < cupped[np.hypot(x, y) < 30].mean() - cupped[rim].mean() < -3
    streaky = Artefacts(starvation=1.0).error(bones, 3.0, np.random.default_rng(0))
    assert streaky[between].std() > 1.5 * streaky[np.hypot(x, y + 90) < 12].std()


def test_metal_throws_shadows() -> None:
    side = np.arange(-47.5, 48) * 4.0
    x, y = np.meshgrid(side, side)
    plain = np.where(np.hypot(x / 160, y / 110) < 1, 0.0, -1000.0).astype(np.float32)
    metal = np.where(np.hypot(x, y) < 9, np.float32(8000), plain)
    near = (np.hypot(x, y) > 16) & (np.hypot(x, y) < 60)
    error, calm = (Artefacts(1.0, 0.0, 1.0).error(hu, 4.0, np.random.default_rng(0)) for hu in (metal, plain))
    assert error[near].std() > 3 * calm[near].std()


def test_a_round_field_is_padded() -> None:
    habitus, levels = (
        habitus_of(Patient.sample(np.random.default_rng(0)), np.random.default_rng(0)),
        Levels.of(np.zeros(1), 2.5, None),
    )

    def is_round(seed: int) -> bool:
        return draw_scanner(np.random.default_rng([seed, 79]), habitus, None, levels, 0.5)[1].round_field

    found = [is_round(seed) for seed in range(60)]
    assert 0.1 < np.mean(found) < 0.5
    phantom = ct_study(found.index(True), **SMALL)
    assert phantom.truth["scanner"]["round_field"]
    corner = phantom.images["p"].voxels[:, :8, :8]
    assert (corner == -1024).all()
    assert not phantom.labels["p"].voxels[:, :8, :8].any()
