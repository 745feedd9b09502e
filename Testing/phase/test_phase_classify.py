"""One series to one finding: streaming, sampling, stopping, what is told of it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from phase_doubles import PHASES, CountingReader, KnownPredictor, always, by_brightness, facts, reader_of

from abdominal_oncology.errors import Cancelled, InvalidInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.phase.classify import ClassifySettings, classify
from abdominal_oncology.phase.decide import finding_from_slices
from abdominal_oncology.phase.labels import INTERCLASS_VIEW, SAMPLING_VIEW, Phase
from abdominal_oncology.phase.locate import locate_slab
from abdominal_oncology.phase.locate.upright import slice_heights_mm
from abdominal_oncology.phase.prepare import SlicePreparation
from abdominal_oncology.phase.region_hu import RegionHU
from abdominal_oncology.phase.sampling import random_slices
from abdominal_oncology.phase.task import PhaseTask
from abdominal_oncology.phase.words import SECONDS

VOTES_ONLY = ClassifySettings(kinetics=False)
ARTERIAL_REGIONS = (RegionHU("aorta", 320.0, 8.0), RegionHU("portal_vein", 80.0, 8.0), RegionHU("liver", 66.0, 6.0))
VENOUS_REGIONS = (RegionHU("aorta", 140.0, 8.0), RegionHU("portal_vein", 150.0, 8.0), RegionHU("liver", 108.0, 6.0))


@pytest.fixture(scope="module")
def found(venous: Image) -> Finding:
    return classify(ArrayReader(venous))


def codes(finding: Finding) -> set[str]:
    return {each.code for each in finding.warnings}


def test_kinetics_alone_answer_on_the_first_click(found, abdomen):
    assert found.decision == "venous"
    assert set(found.probabilities) == set(PHASES)
    assert sum(found.probabilities.values()) == pytest.approx(1)
    seconds = found.measurement(SECONDS)
    assert seconds.low < 78 < seconds.high
    assert seconds.unit == "s"
    assert {row["structure"] for row in found.tables["regions"]} >= {"aorta", "liver"}
    assert found.provenance.bundle == ""
    assert [part.provenance.method for part in found.parts] == ["kinetics of regions (automatic)"]
    assert Finding.from_json(found.to_json()) == found
    arterial = classify(ArrayReader(abdomen.images["arterial"]))
    assert arterial.decision == "arterial"


def test_the_answer_needs_no_torch():
    code = "import sys; import abdominal_oncology.phase.classify; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("fraction", [0.3, 1.0])
def test_streaming_and_batch_say_the_same(venous, fraction):
    """The same slices through the task's path, all at once, and through the stream."""
    predictor = KnownPredictor(by_brightness)
    preparation = {"size": 32, "fraction": fraction, "seed": 4}
    case = Case.of_images("one", {"ct": venous})
    samples = PhaseTask().samples(case, preparation)
    batch = finding_from_slices(case, samples, predictor.run(samples.inputs), facts(), predictor.provenance())
    settings = ClassifySettings(fraction=fraction, seed=4, kinetics=False)
    stream = classify(case, predictor=predictor, settings=settings)
    assert len({row["vote"] for row in batch.tables["votes"]}) > 1
    assert stream.decision == batch.decision
    assert stream.tables["description"] == batch.tables["description"]
    voted = {row["slice"]: row for row in stream.tables["votes"]}
    everybody = {row["slice"]: row for row in batch.tables["votes"]}
    assert voted.items() <= everybody.items()
    if len(voted) == len(everybody):
        assert stream.probabilities == batch.probabilities
        assert stream.tables["votes"] == batch.tables["votes"]


def test_both_paths_share_the_region_too(venous):
    preparation = {"size": 32, "fraction": 0.5, "seed": 2, "region": True}
    case = Case.of_images("one", {"ct": venous})
    samples = PhaseTask().samples(case, preparation)
    predictor = KnownPredictor(by_brightness, facts(preparation=preparation))
    settings = ClassifySettings(fraction=0.5, seed=2, kinetics=False)
    stream = classify(case, predictor=predictor, settings=settings)
    slab = locate_slab(ArrayReader(venous))
    assert {row["slice"] for row in stream.tables["votes"]} <= set(samples.positions)
    assert set(samples.positions) <= set(range(slab.start, slab.stop))
    plain = classify(case, predictor=predictor, settings=ClassifySettings(0.5, 2, kinetics=False, region=False))
    assert not {row["slice"] for row in plain.tables["votes"]} <= set(range(slab.start, slab.stop))


def test_reading_stops_once_the_answer_cannot_change(venous):
    reader = CountingReader(venous, times=10)
    count = reader.geometry.shape[0]
    predictor = KnownPredictor(always("venous"))
    finding = classify(reader, predictor=predictor, settings=VOTES_ONLY)
    planned = len(random_slices(count, 30, 0))
    voted = len(finding.tables["votes"])
    assert planned / 2 < voted <= planned / 2 + 16
    assert len(set(reader.asked)) == voted  # nothing is read that nobody asks
    assert "could not have changed the answer" in finding.reason
    assert finding.decision == "venous"


def test_a_sequential_test_costs_an_easy_scan_a_dozen_slices(venous):
    reader = CountingReader(venous, times=20)
    settings = ClassifySettings(kinetics=False, sequential_error=0.01)
    finding = classify(reader, predictor=KnownPredictor(always("venous")), settings=settings)
    assert len(finding.tables["votes"]) == 12
    assert len(set(reader.asked)) <= 16  # those whose values were looked at first
    assert "differs in at most 0.01 of scans" in finding.reason
    hard = classify(reader, predictor=KnownPredictor(by_brightness), settings=settings)
    assert len(hard.tables["votes"]) > 12


def test_votes_come_with_their_places(venous):
    finding = classify(ArrayReader(venous), predictor=KnownPredictor(by_brightness), settings=VOTES_ONLY)
    rows = finding.tables["votes"]
    numbers = [row["slice"] for row in rows]
    assert numbers == sorted(numbers)
    z = slice_heights_mm(venous.geometry)
    assert all(row["z_mm"] == pytest.approx(z[row["slice"]], abs=0.01) for row in rows)
    assert all(row["vote"] == max(PHASES, key=lambda phase, row=row: row[phase]) for row in rows)
    told = {row["slice"] for row in finding.tables["slices"] if row["voted"]}
    assert told == set(numbers)


def test_the_network_sees_slices_as_the_bundle_prepares_them(venous):
    seen = []

    def rule(inputs):
        seen.append(inputs)
        return always("venous")(inputs)

    settings = ClassifySettings(fraction=0.1, kinetics=False)
    classify(ArrayReader(venous), predictor=KnownPredictor(rule), settings=settings)
    order = random_slices(venous.geometry.shape[0], 10, 0)
    case = Case.of_images("one", {"ct": venous})
    expected = PhaseTask().samples(case, {"size": 32, "fraction": 0.1})
    assert expected.positions == tuple(order)
    got = np.concatenate(seen)
    assert np.array_equal(got, expected.inputs[: len(got)])
    assert SlicePreparation.from_mapping({"size": 32}).size == got.shape[-1]


def test_network_and_kinetics_agree(venous):
    settings = ClassifySettings(regions_given=VENOUS_REGIONS)
    finding = classify(ArrayReader(venous), predictor=KnownPredictor(always("venous", 0.8)), settings=settings)
    kinetic, network = finding.parts
    assert finding.decision == kinetic.decision == network.decision == "venous"
    assert finding.probability > max(kinetic.probability, network.probability)
    assert kinetic.provenance.method == "kinetics of regions (given)"
    assert network.provenance.bundle == finding.provenance.bundle == "known-answers"
    assert {"votes", "regions", "description", "slices"} <= set(finding.tables)
    assert "methods-disagree" not in codes(finding)


def test_network_and_kinetics_disagree(venous):
    settings = ClassifySettings(regions_given=ARTERIAL_REGIONS)
    finding = classify(ArrayReader(venous), predictor=KnownPredictor(always("venous", 0.98)), settings=settings)
    assert "methods-disagree" in codes(finding)
    assert finding.decision is None
    assert "disagree" in finding.reason
    assert max(finding.probabilities.values()) < 0.6
    assert [part.decision for part in finding.parts] == ["arterial", "venous"]


def test_a_network_of_four_classes_is_combined_with_five_phases(venous):
    settings = ClassifySettings(regions_given=VENOUS_REGIONS)
    for view in (SAMPLING_VIEW, INTERCLASS_VIEW):
        predictor = KnownPredictor(always("venous", 0.9, view.classes), facts(classes=view.classes))
        finding = classify(ArrayReader(venous), predictor=predictor, settings=settings)
        assert finding.decision == "venous"
        assert set(finding.probabilities) == set(PHASES)
        assert set(finding.parts[1].probabilities) == set(view.classes)
        alone = classify(ArrayReader(venous), predictor=predictor, settings=VOTES_ONLY)
        assert set(alone.probabilities) == set(view.classes)


def test_the_threshold_of_the_bundle_withholds(venous):
    strict = facts(thresholds={"abstain": 0.7})
    unsure = KnownPredictor(always("venous", 0.6), strict)
    finding = classify(ArrayReader(venous), predictor=unsure, settings=VOTES_ONLY)
    assert finding.decision is None
    assert "below 0.70" in finding.reason
    assert finding.probabilities["venous"] == pytest.approx(0.6)
    loose = ClassifySettings(kinetics=False, threshold=0.5)
    assert classify(ArrayReader(venous), predictor=unsure, settings=loose).decision == "venous"
    together = ClassifySettings(regions_given=VENOUS_REGIONS)
    both = classify(ArrayReader(venous), predictor=unsure, settings=together)
    assert both.decision == "venous"  # together they are sure enough
    assert both.parts[1].decision is None


def test_a_tie_is_told(venous):
    def halves(inputs):
        rows = np.tile(always("venous", 0.6)(inputs[:1]), (len(inputs), 1))
        rows[: len(inputs) // 2] = always("arterial", 0.9)(inputs[:1])
        return rows

    few = reader_of(venous, venous.voxels[:4])
    settings = ClassifySettings(fraction=1.0, kinetics=False)
    finding = classify(few, predictor=KnownPredictor(halves), settings=settings)
    assert "tie" in codes(finding)
    assert finding.decision == "arterial"
    assert "larger mean probability" in finding.reason


def test_unlike_the_training_data_is_told_and_weighs_less(venous):
    settings = ClassifySettings(regions_given=VENOUS_REGIONS)
    usual = classify(ArrayReader(venous), predictor=KnownPredictor(always("others", 0.6)), settings=settings)
    strange = classify(
        ArrayReader(venous), predictor=KnownPredictor(always("others", 0.6), unfamiliar=2.5), settings=settings
    )
    assert "unlike-training" in codes(strange)
    assert "unlike-training" not in codes(usual)
    assert strange.probabilities["venous"] > usual.probabilities["venous"]


@pytest.mark.parametrize(
    ("description", "verdict"),
    [("Abdomen portal venous 5.0", "agrees"), ("Abdomen arteriell", "contradicts"), ("Abdomen 5.0 B31f", "silent")],
)
def test_agreement_with_the_description(venous, description, verdict):
    reader = reader_of(venous, SeriesDescription=description)
    finding = classify(reader, predictor=KnownPredictor(always("venous")), settings=VOTES_ONLY)
    assert finding.tables["description"][0]["agreement"] == verdict
    assert ("contradicts-description" in codes(finding)) == (verdict == "contradicts")
    assert finding.subject == description


def test_time_by_the_header_stands_beside_time_by_kinetics(venous):
    header = {"ContrastBolusStartTime": "101500", "AcquisitionTime": "101618"}
    finding = classify(reader_of(venous, **header), settings=ClassifySettings(regions_given=VENOUS_REGIONS))
    assert finding.measurement("seconds since injection by the header").value == 78
    assert finding.measurement(SECONDS).value != 78


def test_early_and_late_arterial(venous):
    late = (*ARTERIAL_REGIONS[:1], RegionHU("portal_vein", 118.0, 6.0), RegionHU("liver", 72.0, 5.0))
    finding = classify(ArrayReader(venous), settings=ClassifySettings(regions_given=late))
    assert finding.decision == Phase.ARTERIAL
    assert finding.tables["timing"][0]["finer"] == "late arterial"
    early = (RegionHU("aorta", 330.0), RegionHU("portal_vein", 40.0), RegionHU("spleen", 65.0))
    finding = classify(ArrayReader(venous), settings=ClassifySettings(regions_given=early))
    assert finding.tables["timing"][0]["finer"] == "early arterial"
    described = classify(
        reader_of(venous, SeriesDescription="late arterial"),
        predictor=KnownPredictor(always("arterial")),
        settings=VOTES_ONLY,
    )
    assert described.tables["timing"][0] == {"finer": "late arterial", "share": None, "by": "description"}


def test_a_segmentation_replaces_the_search(abdomen, venous):
    labels = abdomen.labels["venous"]
    finding = classify(ArrayReader(venous), segmentation=labels, segment_names=abdomen.label_names)
    assert finding.decision == "venous"
    assert {row["source"] for row in finding.tables["regions"]} == {"segmentation"}
    assert "portal_vein" in " ".join(str(row["structure"]) for row in finding.tables["regions"])


def test_the_same_seed_gives_the_same_finding(venous):
    def once(seed):
        settings = ClassifySettings(seed=seed, kinetics=False)
        made = classify(ArrayReader(venous), predictor=KnownPredictor(by_brightness), settings=settings)
        return made.tables["votes"]

    assert once(1) == once(1)
    assert once(1) != once(2)


def test_cancelling_stops_between_batches(venous):
    stages = []

    def stop(fraction, stage):
        stages.append(stage)
        if "have voted" in stage:
            raise Cancelled("enough")

    predictor = KnownPredictor(by_brightness)
    with pytest.raises(Cancelled):
        classify(ArrayReader(venous), predictor=predictor, settings=VOTES_ONLY, progress=stop)
    assert predictor.batches == []
    assert classify(ArrayReader(venous), predictor=predictor, settings=VOTES_ONLY).decision


def test_an_error_while_reading_is_not_swallowed(venous):
    class Broken(CountingReader):
        def read(self, slices=None, progress=None):
            if len(self.asked) > 8:
                raise InvalidInputError("the disk is gone")
            return super().read(slices)

    with pytest.raises(InvalidInputError, match="the disk is gone"):
        classify(Broken(venous, 10), predictor=KnownPredictor(by_brightness), settings=VOTES_ONLY)


def test_bad_settings_are_named(venous):
    with pytest.raises(InvalidInputError, match="share of the slices"):
        ClassifySettings(fraction=0.0)
    with pytest.raises(InvalidInputError, match="a probability"):
        ClassifySettings(threshold=3.0)
    with pytest.raises(InvalidInputError, match="nothing to answer with"):
        classify(ArrayReader(venous), settings=VOTES_ONLY)
    with pytest.raises(InvalidInputError, match="for the task hcc"):
        classify(ArrayReader(venous), predictor=KnownPredictor(always("venous"), facts(task="hcc")))
