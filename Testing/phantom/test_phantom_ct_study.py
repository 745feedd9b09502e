"""The CT patient: one anatomy in all phases, credible organs in their places, HU that follow physiology."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.phantom.ct_study import ct_study
from abdominal_oncology.phantom.result import Phantom

SEEDS = (2, 5, 11)
SPACING_MM = (8.0, 3.2, 3.2)
VOLUME_ML = {  # wide: small women to large men, a kidney or spleen of the unusual kind
    "liver": (700, 2800),
    "spleen": (50, 600),
    "kidney_left": (70, 330),
    "kidney_right": (70, 330),
    "pancreas": (15, 160),
    "aorta": (25, 220),
    "inferior_vena_cava": (15, 160),
    "urinary_bladder": (20, 700),
    "stomach": (30, 900),
    "colon": (100, 2500),
    "small_bowel": (100, 2500),
}


@cache
def patient(seed: int) -> Phantom:
    return ct_study(seed, seconds={"portal": 75.0}, spacing_mm=SPACING_MM, matrix=128, extent="abdomen", noise_hu=0.0)


def mask(phantom: Phantom, name: str, role: str = "portal") -> np.ndarray:
    return phantom.labels[role].voxels == find(name).number


def centre_mm(phantom: Phantom, name: str, role: str = "portal") -> np.ndarray:
    inside = np.argwhere(mask(phantom, name, role))
    assert len(inside), f"{name} is missing"
    return phantom.labels[role].geometry.to_world(inside.mean(axis=0))


@pytest.mark.parametrize("seed", SEEDS)
def test_organs_have_the_volumes_of_people(seed: int) -> None:
    phantom = patient(seed)
    millilitre = phantom.labels["portal"].geometry.voxel_volume_mm3 / 1000
    measured = {name: mask(phantom, name).sum() * millilitre for name in VOLUME_ML}
    wrong = {name: round(ml) for name, ml in measured.items() if not VOLUME_ML[name][0] < ml < VOLUME_ML[name][1]}
    assert not wrong


@pytest.mark.parametrize("seed", SEEDS)
def test_organs_lie_where_anatomy_has_them(seed: int) -> None:
    phantom = patient(seed)
    liver, spleen = centre_mm(phantom, "liver"), centre_mm(phantom, "spleen")
    left, right = centre_mm(phantom, "kidney_left"), centre_mm(phantom, "kidney_right")
    aorta, cava = centre_mm(phantom, "aorta"), centre_mm(phantom, "inferior_vena_cava")
    spine = centre_mm(phantom, "vertebrae_L2")
    bladder, pancreas = centre_mm(phantom, "urinary_bladder"), centre_mm(phantom, "pancreas")
    assert liver[0] < -20 < 40 < spleen[0]  # x runs to the patient's left
    assert right[0] < cava[0] < aorta[0] < left[0]
    assert spine[1] > max(aorta[1], cava[1], pancreas[1])  # y runs to the back
    assert min(left[1], right[1]) > pancreas[1]
    assert bladder[2] < min(left[2], right[2]) - 100 < liver[2]  # z runs to the head
    assert right[2] < left[2] + 25
    assert abs(left[2] - spine[2]) < 70


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_lies_outside_the_body(seed: int) -> None:
    phantom = patient(seed)
    labels, hu = phantom.labels["portal"].voxels, phantom.images["portal"].voxels
    things = (labels != 0) & (labels != find("table").number)
    near = ndimage.binary_dilation(things, np.ones((1, 5, 5), bool))  # the border is blurred
    back = np.flatnonzero((labels == find("skin").number).any(axis=(0, 2)))[-1] - 4
    assert hu[:, :back][~near[:, :back]].max() < -900  # the thin table lies behind
    organs = np.isin(labels, [find(name).number for name in VOLUME_ML])
    for j, i in ((0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1)):
        assert not organs[:, j, i].any()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["liver", "spleen", "aorta", "inferior_vena_cava", "urinary_bladder"])
def test_organs_have_the_hu_of_their_patient(seed: int, name: str) -> None:
    phantom = patient(seed)
    tones = phantom.truth["phases"]["portal"]["structures_hu"]
    expected = tones["bladder" if name == "urinary_bladder" else name]
    if name == "inferior_vena_cava":  # unmixed below the renal veins
        low, high = sorted((expected, tones["inferior_vena_cava_infrarenal"]))
    else:
        low = high = expected
    measured = float(np.median(phantom.images["portal"].voxels[mask(phantom, name)]))
    assert low - 6 <= measured <= high + 6


def test_every_phase_shares_the_anatomy_and_breathes() -> None:
    seconds = {"non-contrast": None, "arterial": 38.0, "delayed": 200.0}
    spacing = (4.0, 4.0, 4.0)
    phantom = ct_study(3, seconds=seconds, spacing_mm=spacing, matrix=104, extent="upper", noise_hu=0.0)
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
    settings = {"spacing_mm": (5.0, 2.0, 2.0), "matrix": 208, "noise_hu": 0.0}
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


def test_an_unknown_extent_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no extent"):
        ct_study(1, extent="elbow")
