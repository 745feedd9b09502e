"""What comes in instead of a proper abdominal CT: a right answer with a warning, or none with a reason."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from phase_doubles import CountingReader, KnownPredictor, always, by_brightness, reader_of

from abdominal_oncology.errors import InvalidInputError, WrongModalityError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.phantom.ct_study import ct_study
from abdominal_oncology.phase.classify import ClassifySettings, classify

VOTES_ONLY = ClassifySettings(kinetics=False)


def codes(finding):
    return {each.code for each in finding.warnings}


@pytest.fixture
def network():
    return KnownPredictor(always("venous"))


def windowed(hu):
    return np.clip((hu + 150.0) / 400 * 255, 0, 255).astype(np.uint8)


def test_mr_is_refused_by_name(venous, network):
    for predictor in (None, network):
        with pytest.raises(WrongModalityError, match="CT, and this is MR"):
            classify(reader_of(venous, modality=Modality.MR), predictor=predictor)
    tissue = np.random.default_rng(0).gamma(4, 90, (12, 64, 64)).astype(np.int16)
    unnamed = ArrayReader(Image(tissue, Geometry(tissue.shape, (5, 4, 4)), Modality.OTHER))
    with pytest.raises(WrongModalityError, match="are no HU"):
        classify(unnamed)


@pytest.mark.parametrize("kinetics", [True, False])
def test_a_windowed_series_is_not_answered(venous, network, kinetics):
    finding = classify(
        reader_of(venous, windowed(venous.voxels)),
        predictor=network,
        settings=ClassifySettings(kinetics=kinetics),
    )
    assert finding.decision is None
    assert "already windowed" in finding.reason
    assert codes(finding) == {"windowed"}
    assert network.batches == []


@pytest.mark.parametrize("shift", [1024, -1024])
def test_a_wrong_offset_is_corrected_and_told(venous, network, shift):
    right = classify(ArrayReader(venous), predictor=network)
    shifted = (venous.voxels.astype(np.int32) + shift).astype(np.int16)
    wrong = classify(reader_of(venous, shifted), predictor=network)
    assert "hu-shifted" in codes(wrong)
    assert wrong.decision == right.decision == "venous"
    assert wrong.probabilities == pytest.approx(right.probabilities)
    assert wrong.tables["regions"] == right.tables["regions"]


def test_one_slice_is_answered_with_doubt(venous):
    middle = venous.voxels.shape[0] // 2
    finding = classify(
        reader_of(venous, venous.voxels[middle : middle + 1]), predictor=KnownPredictor(always("venous"))
    )
    assert "few-slices" in codes(finding)
    assert finding.decision in ("venous", None)
    assert len(finding.tables["votes"]) == 1
    alone = classify(reader_of(venous, venous.voxels[middle : middle + 1]))
    assert "few-slices" in codes(alone)


@pytest.mark.parametrize("kinetics", [True, False])
def test_nothing_but_air_is_not_answered(venous, network, kinetics):
    air = np.full(venous.voxels.shape, -1000, np.int16)
    finding = classify(reader_of(venous, air), predictor=network, settings=ClassifySettings(kinetics=kinetics))
    assert finding.decision is None
    assert "nothing but air" in finding.reason
    assert codes(finding) == {"all-air"}


def test_upside_down_is_answered_and_told(venous):
    plain = classify(ArrayReader(venous))
    finding = classify(reader_of(venous, venous.voxels[::-1]))
    assert "upside-down" in codes(finding)
    assert finding.decision == plain.decision == "venous"


def test_mirrored_is_answered_and_told(venous):
    seen = []

    def rule(inputs):
        seen.append(inputs)
        return by_brightness(inputs)

    settings = ClassifySettings(fraction=0.2)
    classify(ArrayReader(venous), predictor=KnownPredictor(rule), settings=settings)
    plain, seen[:] = np.concatenate(seen), []
    mirrored = reader_of(venous, venous.voxels[:, :, ::-1])
    finding = classify(mirrored, predictor=KnownPredictor(rule), settings=settings)
    assert "mirrored" in codes(finding)
    assert finding.parts[0].decision == "venous"
    # those that count are shown to the network the right way round; until that was known it saw them as they lie
    shown = np.concatenate(seen).astype(int)
    assert len(shown) == 2 * len(plain)
    assert np.abs(shown[-len(plain) :] - plain.astype(int)).mean() < 1


def test_nan_is_taken_as_air_and_told(venous, network):
    spoiled = venous.voxels.astype(np.float32).copy()
    spoiled[5] = np.nan
    spoiled[:, :8] = np.nan
    finding = classify(reader_of(venous, spoiled), predictor=network, settings=ClassifySettings(fraction=1.0))
    assert "not-a-number" in codes(finding)
    assert finding.decision == "venous"
    nothing = classify(reader_of(venous, np.full(venous.voxels.shape, np.nan, np.float32)), predictor=network)
    assert nothing.decision is None
    assert "no number" in nothing.reason


def test_2350_slices_cost_no_more_memory_than_a_few(venous):
    reader = CountingReader(venous, times=-(-2350 // venous.voxels.shape[0]))
    count = reader.geometry.shape[0]
    assert count >= 2350
    settings = ClassifySettings(fraction=0.3, kinetics=False)
    tracemalloc.start()
    finding = classify(reader, predictor=KnownPredictor(by_brightness), settings=settings)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(finding.tables["votes"]) > count / 20
    assert peak < 100 * 4 * venous.voxels[0].size  # as 100 slices in single precision, of 700 that are read
    reader.asked.clear()
    classify(reader)
    assert len(reader.asked) <= 28 + 24 + 24  # the slices of the search, of the regions, and for the portal vein


def test_a_chest_is_not_taken_for_an_abdomen(network):
    chest = ct_study(
        1, seconds={"venous": 80.0}, extent="neck-to-thigh", slices=14, matrix=128, spacing_mm=(10, 3.2, 3.2)
    )
    reader = ArrayReader(chest.images["venous"])
    finding = classify(reader, predictor=network)
    assert codes(finding) & {"no-abdomen", "abdomen-uncertain"}
    if finding.decision is None:
        assert "the scan shows" in finding.reason or "cannot tell" in finding.reason
    else:
        assert finding.tables["regions"], "outside the abdomen only a measured vessel may answer"


def shell(radius_mm, centre, y, x):
    return np.hypot(y - centre[0], x - centre[1]) < radius_mm


@pytest.mark.parametrize("part", ["head", "thighs"])
def test_another_body_part_is_not_answered(network, part):
    y, x = np.mgrid[:128, :128] * 2.0
    plane = np.full(y.shape, -1000.0)
    if part == "head":
        for radius, hu in ((85, 50), (80, 1100), (73, 36)):
            plane[shell(radius, (128, 128), y, x)] = hu
    else:
        for side in (70, 190):
            for radius, hu in ((52, -100), (44, 58), (14, 1000), (8, -40)):
                plane[shell(radius, (128, side), y, x)] = hu
    voxels = np.tile(plane, (30, 1, 1)) + np.random.default_rng(1).normal(0, 8, (30, 128, 128))
    image = Image(voxels.astype(np.int16), Geometry(voxels.shape, (5.0, 2.0, 2.0)), Modality.CT)
    finding = classify(ArrayReader(image), predictor=network)
    assert finding.decision is None
    assert finding.reason
    assert codes(finding) & {"no-abdomen", "abdomen-uncertain", "no-body", "region-not-found"}
    assert finding.parts[1].decision == "venous"  # what the network would have said is shown all the same


def test_coronal_slices_are_refused_by_name(venous):
    coronal = Geometry(venous.voxels.shape, (2, 2, 2), directions=((0, 1, 0), (0, 0, -1), (1, 0, 0)))
    with pytest.raises(InvalidInputError, match="coronal, not axial"):
        classify(ArrayReader(Image(venous.voxels, coronal, Modality.CT)))
