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
from abdominal_oncology.rectal.localise.heat import LAYERS, OUTPUTS, WEIGHTS, WIDTH, HeatModel, bundled_model
from abdominal_oncology.rectal.marks import place_slices
from abdominal_oncology.rectal.phantom import rectal_phantom
from abdominal_oncology.rectal.plane import as_axial_stack
from abdominal_oncology.rectal.prepare import SURE_ENOUGH, VolumePreparation, prepare_volume

SMALL = VolumePreparation(size=32, field_mm=80.0, depth=8)


@pytest.fixture(scope="module")
def pelvises() -> list[Phantom]:
    """Of seeds that no training used."""
    return [
        rectal_phantom(900_000_000 + n, matrix=96, slices=16, spacing_mm=(3.5, 2.0, 2.0), difficulty=0.25 * n)
        for n in range(4)
    ]


def _misses_mm(stack: Image, mask: np.ndarray, found: Located) -> tuple[float, float]:  # type: ignore[type-arg]
    """In plane and along the stack, from the middle of a mask."""
    away = (np.array(found.centre) - np.argwhere(mask).mean(axis=0)) * stack.geometry.spacing_mm
    return float(np.hypot(*away[1:])), float(abs(away[0]))


def test_phantoms_are_located(pelvises: list[Phantom]) -> None:
    for patient in pelvises:
        image = patient.images["t2"]
        found = locate(image)
        in_plane, along = _misses_mm(image, patient.labels["t2"].voxels == find("tumour").number, found)
        assert found.what == "tumour"
        assert in_plane < 25  # small tumours sit on the wall, and the rectum's middle is found
        assert along < 20 or patient.truth["volume_ml"] < 2  # the height of a small one is not to be told
        assert found.confidence > SURE_ENOUGH


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
    assert found.confidence > SURE_ENOUGH
    # its height is a guess (30 mm too high, at the wall of a rectum full of gas): most of the tumour must still be seen
    placed = place_slices(stack.geometry.shape[0], 16, found.centre[0])
    through = np.flatnonzero(tumour.voxels.any(axis=(1, 2)))
    seen = (through >= placed.first) & (through < placed.first + placed.count)
    assert seen.mean() > 0.6
    assert spent < 10  # under a second on a quiet machine


def test_storage_order_changes_nothing(pelvises: list[Phantom]) -> None:
    image = pelvises[0].images["t2"]
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
    pelvises: list[Phantom], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare_volume(pelvises[1].images["t2"], SMALL)
    assert prepared.region.source == "located"
    assert prepared.region.confidence is not None
    assert [each.code for each in prepared.warnings if each.code.startswith("region")] == ["region-located"]
    from abdominal_oncology.rectal import prepare

    unsure = replace(locate(pelvises[1].images["t2"]), confidence=SURE_ENOUGH - 0.01)
    monkeypatch.setattr(prepare, "locate", lambda stack: unsure)
    prepared = prepare_volume(pelvises[1].images["t2"], SMALL)
    assert prepared.region.source == "body"
    assert [each.code for each in prepared.warnings if each.code.startswith("region")] == ["region-not-located"]


def test_noise_is_not_a_rectum() -> None:
    rng = np.random.default_rng(3)
    voxels = (300 + 60 * rng.standard_normal((12, 80, 80))).astype(np.float32)
    assert locate(Image(voxels, Geometry((12, 80, 80), (3.0, 2.0, 2.0)), Modality.MR)).confidence < SURE_ENOUGH


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
