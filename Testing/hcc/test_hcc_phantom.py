"""The liver study: lesions lie in the liver, apart, at their true size, in every phase."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from abdominal_oncology.cli import main
from abdominal_oncology.cli.output import ExitCode
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.phantom import hcc_study, liver_mask
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.phantom.result import Phantom

_LESION = find("liver_lesion").number
_SECONDS = {"non-contrast": None, "arterial": 38.0, "portal": 75.0}
_SMALL = {"spacing_mm": (5.1, 3.4, 3.4), "matrix": 120, "seconds": _SECONDS}


@pytest.fixture(scope="module")
def study() -> Phantom:
    return hcc_study(4, lesions=["hcc", "cyst"], sizes_mm=[34.0, 22.0], noise_hu=4.0, **_SMALL)  # type: ignore[arg-type]


def test_every_role_has_image_labels_and_seconds(study: Phantom) -> None:
    assert set(study.images) == set(study.labels) == set(_SECONDS)
    assert study.truth["seconds"] == _SECONDS
    assert [lesion["kind"] for lesion in study.truth["lesions"]] == ["hcc", "cyst"]
    assert [lesion["is_hcc"] for lesion in study.truth["lesions"]] == [True, False]


def test_lesions_lie_inside_the_liver_and_apart(study: Phantom) -> None:
    for role, image in study.labels.items():
        lesions = image.voxels == _LESION
        _, count = ndimage.label(lesions)
        assert count == 2, role
        liver = liver_mask(image.voxels)
        assert (liver | ~lesions).all()
        around = ndimage.binary_dilation(lesions) & ~lesions
        assert liver[around].mean() > 0.9


def test_painted_lesions_have_their_true_size(study: Phantom) -> None:
    image = study.labels["portal"]
    for lesion in study.truth["lesions"]:
        k, j, i = image.geometry.to_index(lesion["centre_mm"]["portal"])
        parts, _ = ndimage.label(image.voxels == _LESION)
        number = parts[round(k), round(j), round(i)]
        assert number > 0
        points = image.geometry.to_world(np.argwhere(parts == number))
        largest = float(np.linalg.norm(points[:, None] - points[None], axis=-1).max()) if len(points) < 4000 else 0.0
        # the body's warp bends a lesion a little
        assert largest == pytest.approx(lesion["size_mm"], abs=3.0 + 0.12 * lesion["size_mm"])
        voxels = int((parts == number).sum())
        assert voxels * image.geometry.voxel_volume_mm3 / 1000 == pytest.approx(lesion["volume_ml"]["portal"])


def test_cyst_is_dark_in_all_phases_and_breathing_moves_all_alike(study: Phantom) -> None:
    cyst = study.truth["lesions"][1]
    hcc = study.truth["lesions"][0]
    for role, image in study.images.items():
        parts, _ = ndimage.label(study.labels[role].voxels == _LESION)
        k, j, i = (round(float(v)) for v in image.geometry.to_index(cyst["centre_mm"][role]))
        inside = ndimage.binary_erosion(parts == parts[k, j, i], np.ones((1, 3, 3)))
        liver = study.labels[role].voxels == find("liver").number
        assert np.median(image.voxels[inside]) < 25
        assert np.median(image.voxels[liver]) > 35
    moves = [
        np.asarray(lesion["centre_mm"]["arterial"]) - np.asarray(lesion["centre_mm"]["portal"])
        for lesion in (cyst, hcc)
    ]
    assert moves[0] == pytest.approx(moves[1], abs=2.5)


def test_same_seed_same_study_and_drawn_lesions() -> None:
    def once() -> Phantom:
        return hcc_study(12, seconds={"portal": 75.0}, spacing_mm=(10.0, 8.0, 8.0), matrix=48, slices=8)

    first, second = once(), once()
    assert np.array_equal(first.images["portal"].voxels, second.images["portal"].voxels)
    assert first.truth["lesions"] == second.truth["lesions"]
    assert 1 <= len(first.truth["lesions"]) <= 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"lesions": ["dragon"]},
        {"lesions": ["hcc"], "sizes_mm": [20.0, 30.0]},
        {"lesions": ["hcc"], "sizes_mm": [400.0]},
        {"lesions": ["hcc"] * 12, "sizes_mm": [70.0] * 12},
    ],
)
def test_wrong_requests_are_refused_with_a_way_out(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        hcc_study(1, seconds={"portal": 75.0}, spacing_mm=(8.0, 6.0, 6.0), matrix=64, **wrong)  # type: ignore[arg-type]
    assert caught.value.remedy


def test_command_line_writes_liver_and_plain_studies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--matrix", "64", "--slices", "6", "--spacing", "8", "6", "6", "--format", "nifti", "--json"]
    lesions = ["--lesion", "hcc=30", "--lesion", "cyst", "--seconds", "portal=75"]
    assert (
        main(["phantom", "hcc", "--seed", "5", *lesions, *small, "--output", str(tmp_path / "liver")]) == ExitCode.DONE
    )
    rows = json.loads(capsys.readouterr().out)
    assert [lesion["kind"] for lesion in rows[0]["truth"]["lesions"]] == ["hcc", "cyst"]
    assert rows[0]["truth"]["lesions"][0]["size_mm"] == 30.0
    assert (tmp_path / "liver" / "labels_portal.nii.gz").exists()
    times = ["--seconds", "early=25", "plain=none"]
    assert main(["phantom", "ct", "--seed", "5", *times, *small, "--output", str(tmp_path / "ct")]) == ExitCode.DONE
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["truth"]["seconds"] == {"early": 25.0, "plain": None}
    assert (tmp_path / "ct" / "early.nii.gz").exists()


@pytest.mark.parametrize("option", [["--lesion", "hcc=big"], ["--seconds", "portal"], ["--seconds", "portal=soon"]])
def test_command_line_refuses_what_it_cannot_read(option: list[str], tmp_path: Path) -> None:
    assert main(["phantom", "hcc", *option, "--output", str(tmp_path / "x")]) == ExitCode.BAD_INPUT
