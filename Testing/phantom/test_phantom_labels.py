"""Label maps painted as CT: the patient's HU, smooth edges, nothing left empty."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import (
    EmptyMaskError,
    GeometryMismatchError,
    InvalidInputError,
    MissingInputError,
    UnreadableFileError,
    WrongModalityError,
)
from abdominal_oncology.imaging.anatomy import label_names
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.imaging.volume_file import open_volume_file
from abdominal_oncology.phantom.ct_scanner import Scanner
from abdominal_oncology.phantom.label_edges import smooth_labels
from abdominal_oncology.phantom.label_structures import read_colour_table, tissue_of
from abdominal_oncology.phantom.paint_labels import paint_labels
from abdominal_oncology.phantom.physiology import Patient

NAMES = label_names()
QUIET = Scanner(blur_mm=0.1, noise_hu=0.0, streaks_hu=0.0, thickness=0.0)
LIVER, SPLEEN, KIDNEY, AORTA, CAVA, VERTEBRA, COLON, GLUTEUS = 5, 1, 3, 52, 63, 31, 20, 80


def ball(points: NDArray[np.float64], centre: tuple[float, ...], radii: tuple[float, ...]) -> NDArray[np.bool_]:
    return (((points - np.asarray(centre)) / np.asarray(radii)) ** 2).sum(axis=-1) <= 1


@pytest.fixture(scope="module")
def body() -> Image:
    """Round organs on a 3 mm grid, TotalSegmentator's numbers, feet first and axial."""
    shape = (30, 70, 90)
    grid = Geometry(shape, (3.0, 3.0, 3.0), (-133.5, -103.5, 0.0))
    points = grid.to_world(np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1))
    voxels = np.zeros(shape, np.uint8)
    voxels[ball(points, (-60, -20, 45), (40, 45, 36))] = LIVER
    voxels[ball(points, (75, 15, 50), (22, 26, 33))] = SPLEEN
    voxels[ball(points, (50, 45, 35), (20, 20, 30))] = KIDNEY
    voxels[ball(points, (30, -50, 45), (30, 20, 33))] = COLON
    flat = points.copy()
    flat[..., 2] = 0
    voxels[ball(flat, (14, 40, 0), (10, 10, 1))] = AORTA
    voxels[ball(flat, (-14, 38, 0), (11, 9, 1))] = CAVA
    voxels[ball(flat, (0, 70, 0), (22, 18, 1))] = VERTEBRA
    voxels[ball(flat, (60, 80, 0), (30, 12, 1))] = GLUTEUS
    return Image(voxels, grid, Modality.MASK)


@pytest.fixture(scope="module")
def patient() -> Patient:
    return Patient.sample(np.random.default_rng(12), condition="normal")


@pytest.fixture(scope="module")
def painted(body: Image, patient: Patient) -> Image:
    return paint_labels(body, NAMES, 38.0, patient, np.random.default_rng(0), spacing_mm=(1.5, 1.5, 1.5))


def core(body: Image, painted: Image, label: int, depth: int = 2) -> NDArray[np.int16]:
    """Painted voxels that lie well inside a label."""
    fine = smooth_labels(body, painted.geometry).voxels == label
    return painted.voxels[ndimage.binary_erosion(fine, iterations=depth, border_value=1)]


@pytest.mark.parametrize("seconds", [None, 28.0, 75.0, 300.0])
def test_every_organ_has_the_patients_hu(body: Image, patient: Patient, seconds: float | None) -> None:
    image = paint_labels(body, NAMES, seconds, patient, np.random.default_rng(1), scanner=QUIET)
    for label in (LIVER, SPLEEN, AORTA, CAVA, GLUTEUS):
        inside = core(body, image, label, 1)
        assert np.median(inside) == pytest.approx(patient.hu(NAMES[label], seconds), abs=2), NAMES[label]
        assert inside.std() < 30
    bone = image.voxels[body.voxels == VERTEBRA].astype(float)
    assert bone.mean() == pytest.approx(patient.hu("vertebrae_L1", seconds), rel=0.2)
    assert np.quantile(bone, 0.95) > np.median(bone) + 150  # a shell round marrow


def test_noise_is_the_scanners(body: Image, patient: Patient) -> None:
    loud, soft = (
        core(
            body,
            paint_labels(body, NAMES, 75.0, patient, np.random.default_rng(1), scanner=Scanner(noise_hu=noise)),
            SPLEEN,
        ).std()
        for noise in (20.0, 5.0)
    )
    assert loud > 2 * soft > 2


def test_kidney_has_cortex_and_medulla(body: Image, patient: Patient, painted: Image) -> None:
    fine = smooth_labels(body, painted.geometry).voxels == KIDNEY
    depth = ndimage.distance_transform_edt(fine, sampling=1.5)
    cortex, medulla = (patient.hu(name, 38.0) for name in ("renal_cortex", "renal_medulla"))
    assert np.median(painted.voxels[(depth > 2) & (depth < 4)]) == pytest.approx(cortex, abs=12)
    assert np.median(painted.voxels[(depth > 9) & (depth < 13)]) == pytest.approx(medulla, abs=12)
    hu = painted.voxels[fine]
    assert np.mean(hu > (cortex + medulla) / 2) == pytest.approx(0.58, abs=0.08)


def test_bowel_has_wall_content_and_gas_on_top(body: Image, painted: Image) -> None:
    fine = smooth_labels(body, painted.geometry).voxels == COLON
    depth = ndimage.distance_transform_edt(fine, sampling=1.5)
    gas = fine & (painted.voxels < -600)
    fluid = fine & (painted.voxels > -100) & (depth > 5)
    assert 0.1 < gas.sum() / fine.sum() < 0.8
    assert fluid.sum() > 0.05 * fine.sum()
    front = np.arange(fine.shape[1])[None, :, None]
    assert np.mean(np.broadcast_to(front, fine.shape)[gas]) < np.mean(np.broadcast_to(front, fine.shape)[fluid])
    wall = painted.voxels[(depth > 0.5) & (depth < 2)]
    assert np.median(wall) > -50


def test_what_has_no_label_is_filled(body: Image, patient: Patient, painted: Image) -> None:
    unlabelled = smooth_labels(body, painted.geometry).voxels == 0
    middle = painted.voxels[:, 30:100, 40:130][unlabelled[:, 30:100, 40:130]]
    assert np.mean(middle < -500) < 0.01  # no holes between organs
    assert np.median(middle) == pytest.approx(patient.hu("visceral_fat", 38.0), abs=25)
    assert np.quantile(painted.voxels[:, :3], 0.9) < -950  # air before the belly
    row = painted.voxels[25, 60]  # from the right: air, skin, fat, then the body wall
    first = int(np.argmax(row > -500))
    assert (row[first + 3 : first + 12] < -30).any()
    assert np.mean((painted.voxels > 20) & unlabelled & (painted.voxels < 100)) > 0.005  # muscle round the organs


def roughness(mask: NDArray[np.bool_]) -> float:
    """Mean angle (degrees) between neighbouring surface normals of a slightly blurred mask: blocks have corners."""
    field = ndimage.gaussian_filter(mask.astype(float), 1.0)
    normals = np.stack(np.gradient(field))
    length = np.linalg.norm(normals, axis=0)
    surface = (length > 0.12) & (np.roll(length, 1, axis=2) > 0.12)
    normals = normals / np.maximum(length, 1e-9)
    cosine = (normals * np.roll(normals, 1, axis=2)).sum(axis=0)
    return float(np.degrees(np.arccos(np.clip(cosine[surface], -1, 1))).mean())


@pytest.mark.parametrize("label", [LIVER, SPLEEN, KIDNEY])
def test_edges_are_smooth_and_volume_is_kept(body: Image, label: int) -> None:
    target = body.geometry.with_spacing((1.0, 1.0, 1.0))
    smooth = smooth_labels(body, target).voxels == label
    blocky = np.kron(body.voxels == label, np.ones((3, 3, 3), bool))
    assert smooth.sum() == pytest.approx(blocky.sum(), rel=0.04)
    assert roughness(smooth) < 0.75 * roughness(blocky)
    assert 2 * (smooth & blocky).sum() / (smooth.sum() + blocky.sum()) > 0.94


def test_edges_are_mixed_not_cut(body: Image, patient: Patient) -> None:
    image = paint_labels(
        body, NAMES, 75.0, patient, np.random.default_rng(1), scanner=QUIET, spacing_mm=(1.5, 1.5, 1.5)
    )
    near = ndimage.binary_dilation(smooth_labels(body, image.geometry).voxels == SPLEEN, iterations=1)
    rim = image.voxels[near & ~ndimage.binary_erosion(near, iterations=2)].astype(float)
    between = (rim > patient.hu("visceral_fat", 75.0) + 40) & (rim < patient.hu("spleen", 75.0) - 40)
    assert between.mean() > 0.2


def test_a_map_blown_up_from_a_coarse_one_can_be_smoothed(body: Image) -> None:
    voxels = np.kron(body.voxels, np.ones((1, 3, 3), np.uint8))
    blown = Image(voxels, body.geometry.with_spacing((3.0, 1.0, 1.0)), Modality.MASK)
    plain, smooth = (smooth_labels(blown, blown.geometry, smooth_mm=width).voxels == SPLEEN for width in (0.0, 1.7))
    assert roughness(smooth) < 0.85 * roughness(plain)
    assert smooth.sum() == pytest.approx(plain.sum(), rel=0.03)


def test_arms_lie_beside_the_body(body: Image, patient: Patient) -> None:
    voxels = np.pad(body.voxels, ((0, 0), (0, 0), (25, 0)))
    voxels[:, 33:37, 4:8] = 70  # a humerus 90 mm from the liver: gaps as wide as that are otherwise closed
    grid = Geometry(voxels.shape, (3.0, 3.0, 3.0))
    image = paint_labels(
        Image(voxels, grid, Modality.MASK), NAMES, None, patient, np.random.default_rng(0), scanner=QUIET
    )
    assert (image.voxels[10:20, 35, 5] > 100).all()
    row = image.voxels[15, 35, 8:36]
    assert row.min() < -900  # air between arm and trunk
    assert ((row > -150) & (row < -60)).sum() >= 4  # each in its own fat


def test_thin_vessels_survive() -> None:
    voxels = np.zeros((20, 20, 20), np.uint8)
    voxels[:, 10, 10] = AORTA
    image = Image(voxels, Geometry((20, 20, 20), (3.0, 3.0, 3.0)), Modality.MASK)
    fine = smooth_labels(image, image.geometry.with_spacing((1.0, 1.0, 1.0))).voxels == AORTA
    assert fine.sum() == pytest.approx(20 * 27, rel=0.15)
    assert fine.any(axis=(1, 2)).all()


def test_geometry_is_kept(body: Image, painted: Image, patient: Patient) -> None:
    turned = Geometry(body.geometry.shape, (3.0, 3.0, 3.0), (10.0, 20.0, 30.0), ((0, 0, -1), (0, -1, 0), (-1, 0, 0)))
    image = Image(body.voxels[::-1, ::-1, ::-1].copy(), turned, Modality.MASK)
    same = paint_labels(image, NAMES, 75.0, patient, np.random.default_rng(1))
    assert same.geometry.same_grid(turned)
    assert (same.voxels.dtype, same.modality) == (np.int16, Modality.CT)
    assert np.allclose(painted.geometry.corners_mm(), body.geometry.corners_mm())
    assert painted.history[-1].operation == "paint_labels"
    # gas lies in front whichever way the rows run
    gas = np.argwhere((image.voxels == COLON) & (same.voxels < -600)).mean(axis=0)
    assert turned.to_world(gas)[1] < turned.to_world(np.argwhere(image.voxels == COLON).mean(axis=0))[1]
    wide = paint_labels(body, NAMES, None, patient, np.random.default_rng(1), labels_spacing_mm=(6.0, 4.0, 4.0))
    assert wide.geometry.spacing_mm == (6.0, 4.0, 4.0)


def test_same_numbers_same_picture(body: Image, patient: Patient) -> None:
    first, again, other = (
        paint_labels(body, NAMES, 60.0, patient, np.random.default_rng(seed)).voxels for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.3


def test_gut_content_stays_between_phases(body: Image, patient: Patient) -> None:
    arterial, delayed = (
        paint_labels(body, NAMES, seconds, patient, np.random.default_rng(3), scanner=QUIET).voxels
        for seconds in (38.0, 300.0)
    )
    gas = (arterial < -500) & (body.voxels == COLON)
    assert gas.any()
    assert np.abs(arterial[gas].astype(int) - delayed[gas]).max() < 30


def test_a_base_ct_gives_the_rest(body: Image, patient: Patient) -> None:
    rng = np.random.default_rng(0)
    voxels = rng.normal(-333, 3, body.geometry.shape).astype(np.int16)
    base = Image(voxels, body.geometry, Modality.CT)
    image = paint_labels(body, NAMES, 75.0, patient, np.random.default_rng(0), base=base)
    far = ndimage.distance_transform_edt(body.voxels == 0) > 3
    np.testing.assert_array_equal(image.voxels[far], voxels[far])
    assert np.median(core(body, image, LIVER)) == pytest.approx(patient.hu("liver", 75.0), abs=3)


def test_table_lies_behind_the_body(body: Image, patient: Patient) -> None:
    without, with_table = (
        paint_labels(body, NAMES, None, patient, np.random.default_rng(0), scanner=QUIET, table=table).voxels
        for table in (False, True)
    )
    rows = np.unique(np.argwhere(with_table != without)[:, 1])
    assert len(rows)
    assert rows.min() > np.argwhere(body.voxels)[:, 1].max()


def test_unknown_labels_are_said_and_left_out(body: Image, patient: Patient) -> None:
    names = {**NAMES, SPLEEN: "mystery"}
    del names[GLUTEUS]
    image = paint_labels(body, names, None, patient, np.random.default_rng(0), scanner=QUIET)
    assert image.has_warning("unknown-labels")
    assert "mystery" in image.warnings[-1].message
    assert f"label {GLUTEUS}" in image.warnings[-1].message
    assert np.median(core(body, image, SPLEEN)) < 0  # fat, as what carries no label


def test_bad_input_is_named(body: Image, patient: Patient) -> None:
    rng = np.random.default_rng(0)
    ct = Image(body.voxels.astype(np.int16), body.geometry, Modality.CT)
    with pytest.raises(WrongModalityError, match="label map"):
        paint_labels(ct, NAMES, 30.0, patient, rng)
    with pytest.raises(MissingInputError, match="none of the 8 labels"):
        paint_labels(body, {LIVER: "mystery"}, 30.0, patient, rng)
    empty = Image(np.zeros_like(body.voxels), body.geometry, Modality.MASK)
    with pytest.raises(EmptyMaskError):
        paint_labels(empty, NAMES, 30.0, patient, rng)
    with pytest.raises(EmptyMaskError):
        smooth_labels(empty, body.geometry)
    with pytest.raises(WrongModalityError, match="base"):
        paint_labels(body, NAMES, 30.0, patient, rng, base=body)
    away = Image(ct.voxels, Geometry(ct.geometry.shape, (3.0, 3.0, 3.0), (5000.0, 0.0, 0.0)), Modality.CT)
    with pytest.raises(InvalidInputError, match="cover"):
        paint_labels(body, NAMES, 30.0, patient, rng, base=away)
    with pytest.raises(InvalidInputError, match="spacing"):
        paint_labels(body, NAMES, 30.0, patient, rng, spacing_mm=(0.0, 1.0, 1.0))
    with pytest.raises(InvalidInputError, match="smoothed"):
        paint_labels(body, NAMES, 30.0, patient, rng, smooth_mm=-1.0)
    with pytest.raises(InvalidInputError, match="finite"):
        paint_labels(body, NAMES, float("nan"), patient, rng)
    turned = Geometry(body.geometry.shape, directions=((0, 1, 0), (0, 0, 1), (1, 0, 0)))
    with pytest.raises(GeometryMismatchError, match="turned"):
        smooth_labels(body, turned)


def test_names_of_others() -> None:
    known = {
        "left_renal_vein": "renal_veins",
        "Sacrum-L5-IntervertebralDisc": "intervertebral_disc",
        "right_internal_iliac_vein": "iliac_vena_right",
        "Thoracic12": "vertebrae_T12",
        "stomach_and_duodenum": "stomach",
        "Portal vein": "portal_vein",
        "spaceship": None,
    }
    assert {name: tissue_of(name) for name in known} == known


def test_colour_table(tmp_path: Path) -> None:
    table = tmp_path / "colours.ctbl"
    table.write_text("# Color table\n# 2 values\n0 background 0 0 0 0\n3 liver 147 59 0 255\n", encoding="utf-8")
    assert read_colour_table(table) == {0: "background", 3: "liver"}
    table.write_text("nothing here\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="no line"):
        read_colour_table(table)
    with pytest.raises(UnreadableFileError):
        read_colour_table(tmp_path / "absent.ctbl")


@pytest.mark.real_data
def test_a_real_label_map(shared_data: Path, patient: Patient) -> None:
    path = shared_data / "totalsegmentator" / "example_seg_fast_force_split.nii.gz"
    labels = read_image(open_volume_file(path, Modality.MASK))
    start = time.perf_counter()
    image = paint_labels(labels, NAMES, 75.0, patient, np.random.default_rng(0), spacing_mm=(1.5, 1.5, 1.5))
    assert time.perf_counter() - start < 60  # about 6 s on one quiet core
    assert not image.warnings[len(labels.warnings) :]
    fine = smooth_labels(labels, image.geometry).voxels
    for label in (1, 5, 52, 63, 21, 80, 88):
        inside = image.voxels[ndimage.binary_erosion(fine == label, iterations=2)]
        assert np.median(inside) == pytest.approx(patient.hu(NAMES[label], 75.0), abs=3), NAMES[label]
        assert (fine == label).sum() / 8 == pytest.approx((labels.voxels == label).sum(), rel=0.05)


@pytest.mark.real_data
def test_the_atlas_of_another_house(shared_data: Path, patient: Patient) -> None:
    folder = shared_data / "spl_abdominal_atlas"
    labels = read_image(open_volume_file(folder / "seg.nrrd", Modality.MASK))
    names = read_colour_table(folder / "AbdominalAtlasColors.ctbl")
    image = paint_labels(labels, names, 38.0, patient, np.random.default_rng(0), labels_spacing_mm=(2.7, 1.4, 1.4))
    assert [warning.code for warning in image.warnings].count("unknown-labels") == 1  # one label has no name
    assert image.geometry.spacing_mm == (2.7, 1.4, 1.4)
    for label in (3, 4, 7, 231):
        inside = image.voxels[ndimage.binary_erosion(labels.voxels == label, iterations=2)]
        assert np.median(inside) == pytest.approx(patient.hu(tissue_of(names[label]) or "", 38.0), abs=4)
