"""From an observation to its category: what counts, for whom, why, overrides, files."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lirads.assessment import (
    SURE_FROM,
    Assessment,
    Certainty,
    measured,
    not_assessable,
    seen,
    unsure,
)
from abdominal_oncology.hcc.lirads.categorise import Categorisation, categorise
from abdominal_oncology.hcc.lirads.features import FEATURES, Feature, ImagedPhase
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.observation import Observation
from abdominal_oncology.hcc.lirads.population import Applies, Population, PopulationFact
from abdominal_oncology.hcc.lirads.probabilistic import category_distribution
from abdominal_oncology.hcc.lirads.resolve import resolve
from abdominal_oncology.hcc.lirads.table import Category

F = Feature
AT_RISK = Population.of("cirrhosis")
ARTERIAL, PORTAL, DELAYED = ImagedPhase.ARTERIAL, ImagedPhase.PORTAL, ImagedPhase.DELAYED


def observe(size_mm=None, population=AT_RISK, **known):
    """``aphe="nonrim"``, ``capsule=True``; fields of Observation by their name."""
    fields = {name: known.pop(name) for name in list(known) if name not in set(Feature)}
    features = {F(name): seen() if value is True else seen(value) for name, value in known.items()}
    return Observation(size_mm, features, population=population, **fields)


@pytest.mark.parametrize(
    ("observation", "sentence"),
    [
        (observe(21, aphe="nonrim", washout="nonperipheral"), "LR-5: 21 mm, nonrim APHE, washout; no capsule"),
        (observe(12.34, aphe="nonrim", capsule=True), "LR-4: 12.3 mm, nonrim APHE, enhancing capsule; no washout"),
        (observe(19.97), "LR-3: 19.9 mm, no APHE; no washout, no capsule"),
        (
            observe(12, aphe="nonrim", priors=(PriorSize(8, 5),)),
            "LR-5: 12 mm, nonrim APHE, threshold growth (8 → 12 mm, +50 % in 5 months); no washout, no capsule",
        ),
        (
            observe(12, aphe="nonrim", priors=(PriorSize(12, 5),)),
            "LR-3: 12 mm, nonrim APHE; no washout, no capsule, no threshold growth",
        ),
        (observe(30, aphe="rim"), "LR-M: 30 mm, rim APHE (targetoid)"),
        (
            observe(30, aphe="nonrim", washout="peripheral", delayed_central_enhancement=True),
            "LR-M: 30 mm, peripheral washout, delayed central enhancement (targetoid)",
        ),
        (observe(30, infiltrative=True), "LR-M: 30 mm, infiltrative appearance; LR-5 criteria not met"),
        (
            observe(30, aphe="nonrim", capsule=True, necrosis=True),
            "LR-5: 30 mm, nonrim APHE, enhancing capsule; no washout; necrosis or severe ischaemia does not change it, "
            "since LR-5 criteria are met",
        ),
        (observe(tumour_in_vein=True), "LR-TIV: definite tumour in vein"),
        (observe(definitely_benign=True), "LR-1: definitely benign"),
        (
            observe(15, mosaic=True),
            "LR-4: 15 mm, no APHE; no washout, no capsule; raised from LR-3 by mosaic architecture",
        ),
        (
            observe(15, undistorted_vessels=True),
            "LR-2: 15 mm, no APHE; no washout, no capsule; lowered from LR-3 by undistorted vessels",
        ),
        (
            observe(15, mosaic=True, undistorted_vessels=True),
            "LR-3: 15 mm, no APHE; no washout, no capsule; mosaic architecture against undistorted vessels: "
            "conflicting, no change",
        ),
        (
            observe(25, aphe="nonrim", mosaic=True),
            "LR-4: 25 mm, nonrim APHE; no washout, no capsule; mosaic architecture cannot raise LR-4",
        ),
        (
            observe(15, mosaic=True, use_ancillary=False),
            "LR-3: 15 mm, no APHE; no washout, no capsule; mosaic architecture not applied, as chosen",
        ),
        (
            observe(21, aphe="nonrim", washout="nonperipheral", torn_with=Category.LR_M),
            "LR-M: 21 mm, nonrim APHE, washout; no capsule; between LR-5 and LR-M the rules choose LR-M",
        ),
        (
            observe(21, aphe="nonrim", phases=frozenset({PORTAL, DELAYED})),
            "LR-NC: arterial phase hyperenhancement not assessable: no arterial phase; what was given is set aside",
        ),
        (
            observe(21, aphe="nonrim", phases=frozenset({ARTERIAL})),
            "LR-NC: washout not assessable: no portal venous and no delayed phase",
        ),
        (observe(21, not_categorisable=True), "LR-NC: the images do not allow a category"),
    ],
)
def test_sentences(observation, sentence):
    assert categorise(observation).sentence == sentence


@pytest.mark.parametrize("feature", ["mosaic", "ultrasound_visible", "undistorted_vessels"])
def test_ancillary_features_are_the_readers_choice(feature):
    chosen, left = observe(15, **{feature: True}), observe(15, use_ancillary=False, **{feature: True})
    assert categorise(chosen).category is not Category.LR_3
    assert categorise(left).category is Category.LR_3
    assert category_distribution(left).probabilities[Category.LR_3] == 1
    assert not any("ancillary" in change.if_ for change in categorise(left).changes)


def test_unsure_counts_as_absent_and_says_so():
    for doubt in (unsure("nonperipheral"), unsure(), measured(F.WASHOUT, {"nonperipheral": SURE_FROM - 0.01})):
        observation = Observation(15, {F.APHE: seen("nonrim"), F.WASHOUT: doubt}, population=AT_RISK)
        found = categorise(observation)
        assert found.category is Category.LR_3
        assert "washout unsure, so counted as absent" in found.sentence
        assert "no washout" not in found.sentence
        assert any("washout: unsure" in note for note in found.notes)
    sure = Observation(15, {F.APHE: seen("nonrim"), F.WASHOUT: measured(F.WASHOUT, {"nonperipheral": SURE_FROM})})
    assert categorise(sure).category is Category.LR_5


def test_an_unsure_vein_or_rim_does_not_decide():
    doubtful = {F.TUMOUR_IN_VEIN: unsure("present"), F.APHE: unsure("rim"), F.INFILTRATIVE: unsure()}
    assert categorise(Observation(25, doubtful, population=AT_RISK)).category is Category.LR_3


def test_missing_phases():
    features = {F.APHE: seen("nonrim"), F.WASHOUT: seen("nonperipheral"), F.DELAYED_CENTRAL_ENHANCEMENT: seen()}
    without_delayed = Observation(21, features, frozenset({ARTERIAL, PORTAL}), AT_RISK)
    found = categorise(without_delayed)
    assert found.category is Category.LR_5, "a delayed sign without a delayed phase is set aside"
    assert "washout: no delayed phase: judged on the portal venous phase only" in found.notes
    assert any("delayed central enhancement not assessable" in note and "set aside" in note for note in found.notes)
    all_phases = frozenset(ImagedPhase)
    assert categorise(Observation(21, features, all_phases, AT_RISK)).category is Category.LR_M
    only_delayed = categorise(Observation(21, {F.APHE: seen("nonrim")}, frozenset({ARTERIAL, DELAYED}), AT_RISK))
    assert only_delayed.category is Category.LR_4


def test_a_capsule_that_cannot_be_judged_is_absent_but_aphe_is_needed():
    aphe, nothing = seen("nonrim"), not_assessable(DELAYED)
    found = categorise(Observation(15, {F.APHE: aphe, F.CAPSULE: nothing}, population=AT_RISK))
    assert found.category is Category.LR_3
    assert found.sentence.endswith("no washout, capsule not assessable")
    assert "enhancing capsule not assessable: no delayed phase" in found.notes
    for feature in (F.APHE, F.WASHOUT):
        degraded = Observation(15, {feature: not_assessable(note="motion")}, population=AT_RISK)
        assert categorise(degraded).sentence.endswith("not assessable: motion")
        assert categorise(degraded).category is Category.LR_NC


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_resolves_to_its_absence_when_nothing_is_known(feature):
    resolved = resolve(Observation())[feature]
    assert resolved.value == FEATURES[feature].values[0]
    assert not resolved.present
    assert sum(resolved.probabilities.values()) == 1


@pytest.mark.parametrize("fact", PopulationFact)
def test_population(fact):
    found = categorise(observe(21, Population.of(fact.value), aphe="nonrim", washout="nonperipheral"))
    if fact in (PopulationFact.CIRRHOSIS, PopulationFact.HBV, PopulationFact.HCC_HISTORY):
        assert (found.applies, found.category, found.label) == (Applies.YES, Category.LR_5, "LR-5")
    else:
        assert (found.applies, found.category, found.score) == (Applies.NO, None, None)
        assert found.sentence.startswith("No LI-RADS category: ")
        assert found.label == "no LI-RADS category"


def test_population_not_stated_or_mixed():
    found = categorise(observe(21, Population(), aphe="nonrim", washout="nonperipheral"))
    assert (found.applies, found.category) == (Applies.UNCONFIRMED, Category.LR_5)
    assert found.label == "LR-5, not applicable until confirmed"
    assert found.sentence.startswith("Not applicable until confirmed")
    assert Population.of("hbv", "vascular-cirrhosis").applies() is Applies.NO
    assert Population.of("hbv", age_years=17.9).applies() is Applies.NO
    assert Population.of("hbv", age_years=18).applies() is Applies.YES
    assert Population.of("unknown").applies() is Applies.UNCONFIRMED
    for names, age in ((["mars"], None), (["hbv", "none"], None), (["hbv"], -1)):
        with pytest.raises(InvalidInputError):
            Population.of(*names, age_years=age)


def test_growth_reaches_the_category_and_the_reader_overrules_it():
    grown = observe(12, aphe="nonrim", priors=(PriorSize(8, 5),))
    assert categorise(grown).category is Category.LR_5
    denied = grown.override(F.THRESHOLD_GROWTH, seen("absent"), by="reader", why="not a mass")
    assert categorise(denied).category is Category.LR_3
    stable = observe(12, priors=(PriorSize(12, 30),))
    assert categorise(stable).category is Category.LR_2
    slow = observe(12, priors=(PriorSize(8, 12),))
    assert categorise(slow).category is Category.LR_4
    heard = categorise(observe(12, priors=(PriorSize(8, 3, modality="ultrasound"),)))
    assert heard.category is Category.LR_3
    assert any("ultrasound" in note for note in heard.notes)


def test_override_is_recorded_and_can_be_taken_back():
    machine = measured(F.WASHOUT, {"nonperipheral": 0.9})
    first = Observation(15, {F.APHE: seen("nonrim"), F.WASHOUT: machine}, population=AT_RISK)
    second = first.override(F.WASHOUT, seen("none"), by="Dr A", why="artefact", when="2026-01-01T10:00:00")
    assert (categorise(first).category, categorise(second).category) == (Category.LR_5, Category.LR_3)
    note = "washout overridden by Dr A, nonperipheral → none: artefact"
    assert note in categorise(second).notes
    assert next(row for row in categorise(second).used if row.feature == "washout").overridden_by == "Dr A"
    third = second.override(F.WASHOUT, unsure(), by="Dr B").restore(F.WASHOUT, by="Dr B")
    assert third.features[F.WASHOUT] == machine
    assert categorise(third).category is Category.LR_5
    assert [each.by for each in third.overrides] == ["Dr A", "Dr B", "Dr B"]
    assert all(each.when for each in third.overrides)
    larger = second.override_size(21, by="Dr A")
    assert (larger.size_mm, larger.size_sd_mm, larger.overrides[-1].before) == (21, 0.0, 15)
    assert F.WASHOUT not in second.override(F.WASHOUT, None, by="Dr A").features
    with pytest.raises(InvalidInputError, match="by whom"):
        first.override(F.WASHOUT, seen("none"), by=" ")
    with pytest.raises(InvalidInputError, match="nothing to restore"):
        second.restore(F.APHE, by="Dr A")


def full_observation():
    features = {
        F.APHE: measured(F.APHE, {"nonrim": 0.8, "rim": 0.1}, note="core", source="bundle x"),
        F.CAPSULE: not_assessable(DELAYED),
        F.MOSAIC: unsure("present"),
    }
    plain = Observation(
        15.5, features, frozenset({ARTERIAL, PORTAL}), Population.of("hbv", age_years=50),
        (PriorSize(10, on=date(2025, 9, 1)), PriorSize(0, months=20, modality="mr")), date(2026, 1, 1), 1.5, True,
        Category.LR_3, name="segment 2",
    )  # fmt: skip
    return plain.override(F.WASHOUT, seen("nonperipheral"), by="Dr Ä", why="“clear”").override_size(16, by="Dr Ä")


@pytest.mark.parametrize("observation", [full_observation(), Observation(), observe(21, aphe="rim")])
def test_round_trips(observation):
    assert Observation.from_json(observation.to_json()) == observation
    found = categorise(observation if observation.size_mm else observe(15, Population.of("none")))
    assert Categorisation.from_json(found.to_json()) == found
    assert json.loads(found.to_json())["rules"] == "CT LI-RADS v2018"


@pytest.mark.parametrize("kind", [Observation, Categorisation])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"format": 99}',
        '{"format": 1, "rules": "CEUS"}',
        '{"format": 1, "rules": "CT LI-RADS v2018"}',
    ],
)
def test_files_that_are_none(kind, text):
    with pytest.raises(InvalidInputError):
        kind.from_json(text)


def test_a_broken_field_is_named_an_error():
    values = full_observation().to_dict()
    for name, wrong in (("features", {"aphe": 3}), ("phases", ["lunch"]), ("size_mm", "big"), ("priors", [1])):
        with pytest.raises(InvalidInputError):
            Observation.from_dict({**values, name: wrong})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Observation(0),
        lambda: Observation(-3),
        lambda: Observation(float("nan")),
        lambda: Observation(501),
        lambda: Observation(10, size_sd_mm=-1),
        lambda: Observation(10, torn_with=Category.LR_NC),
        lambda: Observation(10, {F.APHE: seen()}),
        lambda: Observation(10, {F.CAPSULE: Assessment(None)}),
        lambda: Observation(10, {F.CAPSULE: Assessment("present", probabilities={"present": 0.5})}),
        lambda: Observation(10, {F.CAPSULE: Assessment("present", probabilities={"bright": 1.0})}),
        lambda: Observation(10, priors=(PriorSize(5, on=date(2026, 1, 1)),)),
        lambda: measured(F.APHE, 0.8),
        lambda: measured(F.CAPSULE, 1.2),
        lambda: measured(F.CAPSULE, float("nan")),
        lambda: measured(F.APHE, {"nonrim": 0.8, "rim": 0.3}),
        lambda: measured(F.APHE, {"nonrim": 0.8, "none": 0.3}),
        lambda: measured(F.APHE, {"bright": 0.8}),
        lambda: Feature.of("bright"),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(InvalidInputError):
        make()


def test_measured_fills_the_rest():
    assert measured(F.APHE, {"none": 0.9, "nonrim": 0.1}).value == "none"
    found = measured(F.CAPSULE, 0.2)
    assert (found.value, found.certainty) == ("absent", Certainty.SURE)
    assert Feature.of("fat-in-mass") is F.FAT_IN_MASS


def test_the_reference_page_tells_the_vocabulary():
    page = (Path(__file__).resolve().parents[2] / "Docs/reference/lirads-features.md").read_text(encoding="utf-8")
    for feature, spec in FEATURES.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{feature}` |"))
        for told in (spec.group.value, ", ".join(spec.values), spec.definition):
            assert f"| {told} |" in row
    for name in Observation().to_dict():
        assert f"`{name}`" in page
    for name in categorise(Observation(10)).to_dict():
        assert f"`{name}`" in page
