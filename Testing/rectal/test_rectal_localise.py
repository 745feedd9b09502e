"""The locator: on phantoms that it never saw, on the one real pelvis, and on what is no pelvis."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.imaging.reference import open_reference
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.rectal.localise import Located, locate
from abdominal_oncology.rectal.localise.coarse import CHANNELS, PIXEL_MM, SIZE, coarse
from abdominal_oncology.rectal.localise.harder import pelvises
from abdominal_oncology.rectal.localise.heat import LAYERS, OUTPUTS, WEIGHTS, WIDTH, HeatModel, bundled_model
from abdominal_oncology.rectal.localise.height import believed_height
from abdominal_oncology.rectal.localise.reliability import Try, reliability
from abdominal_oncology.rectal.localise.reliability import main as report
from abdominal_oncology.rectal.marks import place_slices
from abdominal_oncology.rectal.phantom import rectal_phantom
from abdominal_oncology.rectal.plane import as_axial_stack
from abdominal_oncology.rectal.prepare import SURE_ENOUGH, VolumePreparation, prepare_volume

SMALL = VolumePreparation(size=32, field_mm=80.0, depth=8)


@pytest.fixture(scope="module")
def patients() -> list[Phantom]:
    """Of seeds that no training used."""
    return [
        rectal_phantom(900_000_000 + n, matrix=96, slices=16, spacing_mm=(3.5, 2.0, 2.0), difficulty=0.25 * n)
        for n in range(4)
    ]


def _misses_mm(stack: Image, mask: np.ndarray, found: Located) -> tuple[float, float]:  # type: ignore[type-arg]
    """In plane and along the stack, from the middle of a mask."""
    away = (np.array(found.centre) - np.argwhere(mask).mean(axis=0)) * stack.geometry.spacing_mm
    return float(np.hypot(*away[1:])), float(abs(away[0]))


def test_phantoms_are_located(patients: list[Phantom]) -> None:
    for patient in patients:
        image = patient.images["t2"]
        found = locate(image)
        in_plane, along = _misses_mm(image, patient.labels["t2"].voxels == find("tumour").number, found)
        assert found.what == "tumour"
        assert in_plane < 25  # small tumours sit on the wall, and the rectum's middle is found
        assert along < 20 or patient.truth["volume_ml"] < 2  # the height of a small one is not to be told
        assert found.in_plane > SURE_ENOUGH


def test_the_real_rectum_is_located(shared_data: Path) -> None:
    folder = shared_data / "rectal_mr_filitto"
    stack, _ = as_axial_stack(read_image(open_reference(folder, "dicom")))
    tumour, _ = as_axial_stack(read_image(open_reference(folder, "tumour_mask.nii.gz")))
    locate(stack)
    started = time.perf_counter()
    found = locate(stack)
    spent = time.perf_counter() - started
    in_plane, _ = _misses_mm(stack, tumour.voxels > 0, found)
    assert in_plane < 15
    assert found.in_plane > SURE_ENOUGH
    # its height is a guess (too high, at the wall of a rectum full of gas), and the locator says so
    assert found.confidence < SURE_ENOUGH
    region = prepare_volume(stack, SMALL).region
    assert region.slices == (0, stack.geometry.shape[0])
    placed = place_slices(stack.geometry.shape[0], 16, sum(region.slices) / 2 - 0.5)
    through = np.flatnonzero(tumour.voxels.any(axis=(1, 2)))
    seen = (through >= placed.first) & (through < placed.first + placed.count)
    assert seen.mean() > 0.6
    assert spent < 10  # under a second on a quiet machine


def test_storage_order_changes_nothing(patients: list[Phantom]) -> None:
    image = patients[0].images["t2"]
    turned = image.derive(
        "coronal storage",
        voxels=image.voxels.transpose(1, 0, 2),
        geometry=Geometry(
            (96, 16, 96),
            (2.0, 3.5, 2.0),
            image.geometry.origin_mm,
            (image.geometry.directions[1], image.geometry.directions[0], image.geometry.directions[2]),
        ),
    )
    one, two = (prepare_volume(each, SMALL) for each in (image, turned))
    np.testing.assert_array_equal(one.pixels, two.pixels)
    assert one.region == two.region


def test_a_located_region_is_told_and_an_unsure_one_is_not_taken(
    patients: list[Phantom], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare_volume(patients[1].images["t2"], SMALL)
    assert prepared.region.source == "located"
    assert prepared.region.confidence is not None
    assert [each.code for each in prepared.warnings if each.code.startswith("region")] == ["region-located"]
    from abdominal_oncology.rectal import prepare

    found = locate(patients[1].images["t2"])
    for unsure, source, told in (
        (replace(found, in_plane=SURE_ENOUGH - 0.01), "body", ["region-not-located"]),
        (replace(found, in_plane=1.0, height=SURE_ENOUGH - 0.01), "located", ["region-located", "height-not-located"]),
    ):
        monkeypatch.setattr(prepare, "locate", lambda stack, unsure=unsure: unsure)
        prepared = prepare_volume(patients[1].images["t2"], SMALL)
        assert prepared.region.source == source
        assert prepared.region.slices == (0, 16)
        assert [each.code for each in prepared.warnings if "located" in each.code] == told


@pytest.mark.parametrize(
    ("hot", "low", "high"),
    [
        ([slice(14, 17)], 0.9, 1.0),
        ([slice(4, 7), slice(24, 27)], 0.4, 0.6),  # two places
        ([slice(27, 30)], 0.2, 0.6),  # it may go on beyond the last slice
        ([slice(0, 30)], 0.1, 0.5),  # everywhere alike
    ],
)
def test_a_height_is_as_sure_as_the_heat_is_in_one_place(hot: list[slice], low: float, high: float) -> None:
    heat = np.full((30, 6, 6), 0.01, np.float32)
    for slices in hot:
        heat[slices, 2:4, 2:4] = 0.5
    height = believed_height(heat, 3.0)
    assert low <= height.confidence <= high
    assert any(each.start - 7 <= height.slice <= each.stop + 6 for each in hot)
    upside_down = believed_height(heat[::-1], 3.0)
    assert upside_down.confidence == pytest.approx(height.confidence, abs=0.02)


def test_harder_phantoms_keep_their_truth() -> None:
    (plain,), (hard,) = (list(pelvises(7, 1, slices=8, hard=share)) for share in (0.0, 1.0))
    assert plain.image.geometry == hard.image.geometry
    np.testing.assert_array_equal(plain.tumour, hard.tumour)
    assert (hard.rectum | plain.rectum).sum() == hard.rectum.sum() >= plain.rectum.sum()
    assert not np.array_equal(plain.image.voxels, hard.image.voxels)
    (cut,) = pelvises(7, 1, slices=8, shortest=3)
    assert 3 <= len(cut.image.voxels) == len(cut.tumour) == len(cut.rectum) <= 8


def test_reliability_counts_each_try_once(capsys: pytest.CaptureFixture[str]) -> None:
    def made(confidence: float, in_plane_mm: float, along_mm: float) -> Try:
        return Try(Located((0, 0, 0), (0, 1), 1.0, confidence, "tumour"), in_plane_mm, along_mm)

    bins = reliability([made(0.2, 30, 5), made(0.5, 5, 5), made(0.55, 5, 30), made(1.0, 1, 1)], (0.0, 0.5, 1.0))
    assert [(each.count, each.right) for each in bins] == [(1, 0.0), (3, pytest.approx(2 / 3))]
    report(["--phantoms", "1", "--seed", "5"])
    assert "1 tries" in capsys.readouterr().out


def test_noise_is_not_a_rectum() -> None:
    rng = np.random.default_rng(3)
    voxels = (300 + 60 * rng.standard_normal((12, 80, 80))).astype(np.float32)
    assert locate(Image(voxels, Geometry((12, 80, 80), (3.0, 2.0, 2.0)), Modality.MR)).in_plane < SURE_ENOUGH


def test_the_coarse_grid_knows_where_it_lies() -> None:
    voxels = np.full((3, 60, 90), 100, np.float32)
    voxels += np.linspace(0, 40, 90, dtype=np.float32)
    voxels[:, :4], voxels[:, 40, 20] = 0, 900
    seen = coarse(Image(voxels, Geometry((3, 60, 90), (3.0, PIXEL_MM, PIXEL_MM)), Modality.MR))
    assert seen.inputs.shape == (3, CHANNELS, SIZE, SIZE)
    assert seen.to_image((SIZE - 1) / 2, (SIZE - 1) / 2) == seen.middle
    row, column = np.unravel_index(int(seen.inputs[1, 0].argmax()), (SIZE, SIZE))
    assert np.abs(np.subtract(seen.to_image(float(row), float(column)), (40, 20))).max() <= 1


def test_the_convolutions_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    widths = [CHANNELS, *[WIDTH] * (len(LAYERS) - 1), OUTPUTS]
    kernels = tuple(
        rng.normal(0, 0.2, (b, a, side, side)).astype(np.float32)
        for (side, _), a, b in zip(LAYERS, widths[:-1], widths[1:], strict=True)
    )
    biases = tuple(rng.normal(0, 0.1, width).astype(np.float32) for width in widths[1:])
    inputs = rng.random((18, CHANNELS, 20, 24), dtype=np.float32)
    maps = torch.from_numpy(inputs)
    for n, (side, dilation) in enumerate(LAYERS):
        kernel, bias = torch.from_numpy(kernels[n]), torch.from_numpy(biases[n])
        maps = torch.nn.functional.conv2d(maps, kernel, bias, padding=side // 2 * dilation, dilation=dilation)
        maps = torch.relu(maps) if n + 1 < len(LAYERS) else torch.sigmoid(maps)
    np.testing.assert_allclose(HeatModel(kernels, biases).probabilities(inputs), maps.numpy(), atol=1e-5)


def test_weights_are_small_and_come_back_as_written(tmp_path: Path) -> None:
    assert WEIGHTS.stat().st_size < 200_000
    model = bundled_model()
    model.save(tmp_path / "heat.npz")
    with np.load(tmp_path / "heat.npz") as arrays:
        again = HeatModel.from_arrays(arrays)
    for one, two in zip((*model.kernels, *model.biases), (*again.kernels, *again.biases), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_training_lowers_its_error_and_is_the_same_twice() -> None:
    pytest.importorskip("torch")
    from abdominal_oncology.rectal.localise import train

    examples = train.make_examples(5, 1)
    assert examples.inputs.shape[1:] == (CHANNELS, SIZE, SIZE)
    assert (examples.targets[:, 0] + 1e-6 >= examples.targets[:, 1]).all()  # a tumour is part of the rectum
    told: list[float] = []

    def listen(share: float, stage: str) -> None:
        told.append(float(stage.rsplit(" ", 1)[1]))

    many = train.Examples(np.tile(examples.inputs, (4, 1, 1, 1)), np.tile(examples.targets, (4, 1, 1, 1)))
    one = train.train(many, epochs=6, progress=listen)
    assert told[-1] < 0.8 * told[0]
    two = train.train(many, epochs=6)
    for a, b in zip(one.kernels, two.kernels, strict=True):
        np.testing.assert_array_equal(a, b)
