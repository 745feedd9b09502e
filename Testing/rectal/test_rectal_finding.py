"""From answers to a finding: the decision at its operating point, what stands beside it, every doubt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the doubles hold networks")

from rectal_doubles import SIZE, answers, block_mask, facts, moved

from abdominal_oncology.errors import GeometryMismatchError, InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.learning.finding import Finding, FindingWarning, Provenance
from abdominal_oncology.rectal.evidence import Evidence
from abdominal_oncology.rectal.finding import Look, stage_finding, unstaged_finding
from abdominal_oncology.rectal.marks import place_slices
from abdominal_oncology.rectal.operating import OperatingPoint, operating_point
from abdominal_oncology.rectal.prepare import VolumePreparation, prepare_volume
from abdominal_oncology.rectal.words import OVER_VIEWS

MADE_BY = Provenance("network f-rmc5", "untrained", "1.0.0")
GRID = Geometry((12, 80, 80), (3.0, 1.0, 1.0))


def codes(finding):
    return {warning.code for warning in finding.warnings}


def pelvis():
    voxels = np.random.default_rng(0).uniform(100, 200, GRID.shape).astype(np.float32)
    return Image(voxels, GRID, Modality.MR)


def masks(depth_mm=0, *, growth=slice(30, 40)):
    """A rectum of 20 mm and a tumour in its wall that leaves it by ``depth_mm``."""
    image = pelvis()
    rectum = block_mask(image, slice(3, 8), slice(30, 50), slice(30, 50))
    return {"tumour": block_mask(image, slice(4, 7), growth, slice(40, 50 + depth_mm)), "rectum": rectum}


@pytest.fixture(scope="module")
def prepared():
    return prepare_volume(pelvis(), VolumePreparation(size=SIZE, field_mm=60.0), masks=list(masks().values()))


def found(prepared, *chances, **given):
    made_by = given.pop("facts", facts())
    strange = given.pop("unfamiliar", None)
    notes = given.pop("notes", ())
    return stage_finding(
        "volume", prepared, answers(*chances, unfamiliar=strange, notes=notes), made_by, MADE_BY, **given
    )


def test_the_mean_of_all_looks_decides_at_the_operating_point(prepared):
    finding = found(prepared, 0.55, 0.65, 0.6, 0.6)
    assert (finding.question, finding.decision) == ("stage", "T3")
    assert finding.probabilities == pytest.approx({"T2": 0.4, "T3": 0.6})
    assert "operating point default: T3 from probability 0.50" in finding.reason
    assert "T3 found" in finding.reason
    strict = operating_point(facts(), threshold=0.7)
    assert found(prepared, 0.55, 0.65, operating=strict).decision == "T2"
    sensitive = operating_point(facts(), 0.95)
    low = found(prepared, sensitive.threshold + 0.01, operating=sensitive)
    assert low.decision == "T3"
    assert low.probability < 0.5
    (row,) = low.tables["operating"]
    assert row["name"] == "sensitivity 0.95"
    assert row["sensitivity"] >= 0.95
    assert low.provenance.settings["threshold"] == sensitive.threshold
    assert Finding.from_json(low.to_json()) == low


def test_near_the_threshold_nothing_is_answered(prepared):
    careful = facts(thresholds={"abstain": 0.6})
    assert found(prepared, 0.55, facts=careful).decision is None
    assert "too close to call" in found(prepared, 0.45, facts=careful).reason
    assert found(prepared, 0.61, facts=careful).decision == "T3"
    assert found(prepared, 0.39, facts=careful).decision == "T2"
    # the same distance in log-odds around another threshold
    point = OperatingPoint("as asked for", 0.2)
    low, high = (1 / (1 + 4 / odds) for odds in (2 / 3, 3 / 2))
    for chance, decision in ((low - 0.005, "T2"), (low + 0.005, None), (high - 0.005, None), (high + 0.005, "T3")):
        assert found(prepared, chance, facts=careful, operating=point).decision == decision
    # a bundle that answers always
    assert found(prepared, 0.5).decision == "T3"


def test_the_spread_over_looks_is_a_measurement(prepared):
    assert found(prepared, 0.6).measurement(OVER_VIEWS) is None
    wide = found(prepared, 0.2, 0.9, 0.8, 0.7, 0.75, 0.85, 0.8, 0.3)
    spread = wide.measurement(OVER_VIEWS)
    assert spread.value == pytest.approx(wide.probabilities["T3"])
    assert 0 < spread.low < 0.4 < 0.8 < spread.high < 1
    assert "8 looks from 0.20 to 0.90" in spread.note
    assert "views-disagree" in codes(wide)
    narrow = found(prepared, 0.7, 0.71, 0.72, 0.7)
    assert narrow.measurement(OVER_VIEWS).high - narrow.measurement(OVER_VIEWS).low < 0.05
    assert "views-disagree" not in codes(narrow)


def test_every_look_is_a_row(prepared):
    looks = [Look("as it is"), Look("mirrored")]
    finding = found(prepared, 0.6, 0.7, looks=looks)
    assert finding.tables["views"] == (
        {"view": "as it is", "probability": 0.6},
        {"view": "mirrored", "probability": 0.7},
    )
    folds = found(prepared, 0.6, 0.7, looks=[Look("as it is", "1: a"), Look("as it is", "2: b")])
    assert [row["network"] for row in folds.tables["views"]] == ["1: a", "2: b"]
    with pytest.raises(InvalidInputError, match="2 answers for 1 look"):
        found(prepared, 0.6, 0.7, looks=looks[:1])


def test_evidence_becomes_a_table_and_words(prepared):
    placed = place_slices(12, 8, 5.0)
    influence = np.array([0.0, 0.01, -0.02, 0.2, 0.1, 0.0, 0.0, 0.0])
    evidence = Evidence(influence + 0.5, influence, influence, np.zeros((8, 2, 2), np.float32), 0.1)
    finding = found(prepared, 0.8, evidence=evidence, placed=placed)
    rows = finding.tables["slices"]
    assert [row["slice"] for row in rows] == list(range(placed.first, placed.first + 8))
    assert set(rows[0]) == {"slice", "z_mm", "probability", "influence", "share"}
    assert f"carried most by slices {placed.first + 1}, {placed.first + 3}, {placed.first + 4}" in finding.reason
    against = Evidence(influence, -influence, influence, np.zeros((8, 2, 2), np.float32), 0.1)
    assert f"slices {placed.first + 1}, " in found(prepared, 0.2, evidence=against, placed=placed).reason


def test_masks_are_measured_and_change_no_answer(prepared):
    plain, beside = found(prepared, 0.8), found(prepared, 0.8, masks=masks(6))
    assert (plain.decision, plain.probabilities) == (beside.decision, beside.probabilities)
    depth = beside.measurement("extramural depth")
    assert depth.value == pytest.approx(6, abs=1)
    assert "5–15 mm" in depth.note
    assert beside.measurement("tumour volume").value == pytest.approx(3 * 3 * 10 * 16 / 1000, rel=0.01)
    assert "depth-contradicts" not in codes(beside)


@pytest.mark.parametrize(
    ("chance", "depth_mm", "contradicts"),
    [
        (0.2, 6, True),
        (0.2, 3, True),
        (0.2, 1, False),
        (0.2, 0, False),
        (0.8, 0, True),
        (0.8, 1, False),
        (0.8, 6, False),
    ],
)
def test_contradictions_of_network_and_masks_are_told(prepared, chance, depth_mm, contradicts):
    finding = found(prepared, chance, masks=masks(depth_mm))
    assert ("depth-contradicts" in codes(finding)) == contradicts
    assert finding.decision == ("T3" if chance > 0.5 else "T2")


def test_a_tumour_alone_has_a_volume_and_a_rectum_drawn_around_it_no_depth(prepared):
    alone = found(prepared, 0.8, masks={"tumour": masks()["tumour"]})
    assert [each.name for each in alone.measurements] == ["tumour volume"]
    around = masks(6)
    hollow = around["rectum"].voxels * (1 - around["tumour"].voxels)
    apart = found(prepared, 0.2, masks=around | {"rectum": moved(around["rectum"], voxels=hollow)})
    assert "depth-not-measured" in codes(apart)
    assert apart.measurement("extramural depth") is None
    elsewhere = Image(around["rectum"].voxels, Geometry(GRID.shape, (3.0, 2.0, 2.0)), Modality.MASK)
    with pytest.raises(GeometryMismatchError, match="another grid"):
        found(prepared, 0.2, masks=around | {"rectum": elsewhere})


def test_doubts_of_others_are_handed_on_and_one_takes_the_answer_away(prepared):
    doubt = FindingWarning("motion", "the slices jump")
    assert "motion" in codes(found(prepared, 0.9, warnings=[doubt]))
    wrong = FindingWarning("not-t2-weighted", "the series is not T2-weighted: its b-value is 800")
    withheld = found(prepared, 0.9, warnings=[wrong])
    assert withheld.decision is None
    assert withheld.reason.startswith("cannot tell: the series is not T2-weighted")
    assert withheld.probabilities["T3"] == pytest.approx(0.9)


def test_a_place_that_nobody_chose_and_nothing_found_takes_the_answer_away(prepared):
    nowhere = replace(prepared, warnings=(FindingWarning("region-not-located", "nobody said where the rectum is"),))
    withheld = found(nowhere, 0.9)
    assert withheld.decision is None
    assert withheld.reason.startswith("cannot tell: nobody said where the rectum is; T3 with probability 0.90")


def test_strange_volumes_and_what_the_predictor_had_to_do_are_told(prepared):
    assert "unlike-training" in codes(found(prepared, 0.9, unfamiliar=1.4))
    assert "unlike-training" not in codes(found(prepared, 0.9, unfamiliar=0.9))
    assert "prediction-went-on" in codes(found(prepared, 0.9, notes=("went on with the CPU",)))


def test_slices_that_the_network_was_not_given_are_told(prepared):
    assert prepared.region.slices == (3, 8)
    assert "slices-not-seen" not in codes(found(prepared, 0.9, placed=place_slices(12, 8, 5.0)))
    short = found(prepared, 0.9, placed=place_slices(12, 4, 5.0))
    (text,) = (each.message for each in short.warnings if each.code == "slices-not-seen")
    assert "1 of the 5 slices of the region" in text


def test_the_region_is_a_row_that_a_person_can_draw(prepared):
    (row,) = found(prepared, 0.9, placed=place_slices(12, 8, 5.0)).tables["region"]
    assert (row["source"], row["first_slice"], row["last_slice"]) == ("segmentation", 2, 9)
    assert (row["rows_mm"], row["columns_mm"], row["height_mm"]) == (60.0, 60.0, 24.0)
    assert row["confidence"] is None  # nobody was in doubt: it was drawn
    located = replace(prepared, region=replace(prepared.region, source="located", confidence=0.61))
    assert found(located, 0.9).tables["region"][0]["confidence"] == 0.61
    middle = prepared.geometry.to_world([5.5, (SIZE - 1) / 2, (SIZE - 1) / 2])
    assert [row["centre_x_mm"], row["centre_y_mm"], row["centre_z_mm"]] == pytest.approx(middle, abs=1e-3)


def test_without_a_network_there_is_no_stage_but_what_was_measured(prepared):
    finding = unstaged_finding("volume", prepared, Provenance(""), masks=masks(6))
    assert (finding.decision, finding.probabilities) == (None, {})
    assert finding.reason.startswith("no trained model was used, so no stage is given; measured: ")
    assert "extramural depth" in finding.reason
    assert finding.provenance.method == "measured masks"
    assert set(finding.tables) == {"region"}
    assert Finding.from_json(finding.to_json()) == finding
    assert (
        unstaged_finding("volume", prepared, Provenance("")).reason == "no trained model was used, so no stage is given"
    )


def test_three_classes_are_no_stage(prepared):
    with pytest.raises(InvalidInputError, match="one of two"):
        found(prepared, 0.9, facts=facts(classes=("T2", "T3", "T4")))
