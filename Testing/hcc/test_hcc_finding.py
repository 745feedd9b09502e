"""A lesion's finding: probability and category side by side, doubts told, a reader's word honoured, JSON both ways."""

from __future__ import annotations

from dataclasses import replace

import pytest
from liver_scene import LiverScene

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.hcc.finding import DISAGREE, case_finding, lesion_finding, recategorise
from abdominal_oncology.hcc.finding_lirads import (
    EXPECTED_SCORE,
    LIRADS,
    SCORE,
    categorisation_of,
    lirads_of,
    observation_of,
)
from abdominal_oncology.hcc.fusion import PARTS, FusedModel, Fusion, Part
from abdominal_oncology.hcc.lesion_answers import LesionAnswers
from abdominal_oncology.hcc.lirads.assessment import unsure
from abdominal_oncology.hcc.lirads.features import Feature
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.hcc.measure import LesionMeasurements, measure_lesions
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.finding import Finding, FindingWarning, Provenance

_CIRRHOSIS = Population.of("cirrhosis")
_BY_US = Provenance("test", software="AbdominalOncology")
_AVERAGE = {
    "p_hcc": (0.5, 0.3, 1.5),
    "p_aphe": (0.5, 0.3, 0.5),
    "p_ec": (0.5, 0.3, 0.2),
    "p_npw": (0.5, 0.3, 0.5),
    "f_aphe": (10.0, 15.0, 1.0),
    "f_ec": (0.0, 2000.0, 0.0),
    "f_npw": (-5.0, 15.0, -1.0),
    "size": (20.0, 8.0, 0.4),
    "c_aphe": (0.5, 0.4, 0.8),
    "c_ec": (0.3, 0.3, 0.6),
    "c_npw": (0.5, 0.4, 0.7),
}


def _model(inputs: tuple[str, ...]) -> FusedModel:
    mean, scale, beta = zip(*(_AVERAGE[name] for name in inputs), strict=True)
    return FusedModel(inputs, mean, scale, beta, 0.0, 1.0)


def _facts(*parts: str, abstain: float = 0.0) -> BundleFacts:
    fusion = Fusion({name: _model(inputs) for name, inputs in PARTS.items() if name in parts})
    return BundleFacts(
        "hcc-test",
        "1",
        "hcc",
        "quartet",
        ("other", "hcc"),
        (4, 24, 96, 96),
        "nothing",
        decision={"fusion": fusion.to_table()} if parts else {},
        thresholds={"abstain": abstain},
    )


_ALL = ("dlf", "hf", "dlf+hf")
_SURE = LesionAnswers(0.95, 0.9, 0.2, 0.9)
_AGAINST = LesionAnswers(0.01, 0.05, 0.05, 0.02)


@pytest.fixture(scope="module")
def measured() -> LesionMeasurements:
    """A 20 mm ball, bright then dark: what LI-RADS is made for."""
    return measure_lesions(LiverScene(spacing_mm=(3.0, 2.0, 2.0), shape=(48, 80, 92)).case())[0]


def _find(measured: LesionMeasurements, **more: object) -> Finding:
    given: dict[str, object] = {"provenance": _BY_US, "population": _CIRRHOSIS} | more
    return lesion_finding(measured, **given)  # type: ignore[arg-type]


def test_without_a_model_there_is_a_category_and_no_probability(measured: LesionMeasurements) -> None:
    finding = _find(measured)
    assert (finding.question, finding.subject, finding.decision) == ("hcc", "lesion 1", None)
    assert finding.probabilities == {}
    assert "no trained model was used" in finding.reason
    assert "LI-RADS: LR-5" in finding.reason or "LI-RADS: LR-4" in finding.reason
    assert [part.question for part in finding.parts] == [LIRADS]
    lirads = lirads_of(finding)
    assert lirads.decision in ("LR-4", "LR-5")
    assert lirads.reason == categorisation_of(finding).sentence
    assert sum(lirads.probabilities.values()) == pytest.approx(1)
    score, expected = lirads.measurement(SCORE), lirads.measurement(EXPECTED_SCORE)
    assert score is not None
    assert score.value == int(lirads.decision[3:]) / 5
    assert expected is not None
    assert 0.6 < expected.value <= 1


@pytest.mark.parametrize(("parts", "whole", "features"), [(_ALL, "dlf+hf", "hf"), (tuple(PARTS), "dlf+hf+lf", "hf+lf")])
def test_networks_and_features_are_fused_and_shown_apart(
    measured: LesionMeasurements, parts: tuple[str, ...], whole: Part, features: Part
) -> None:
    facts = _facts(*parts)
    finding = _find(measured, answers=_SURE, facts=facts)
    assert [part.provenance.method.split(" on ")[0] for part in finding.parts] == [
        "networks",
        "measured features",
        "CT LI-RADS v2018",
    ]
    published = measured.published
    assert published is not None
    values = {
        "p_hcc": 0.95,
        "p_aphe": 0.9,
        "p_ec": 0.2,
        "p_npw": 0.9,
        "f_aphe": published.aphe_hu,
        "f_ec": published.capsule_hu2,
        "f_npw": published.washout_hu,
        "size": published.size_mm,
    }
    assert measured.findings is not None
    chances = measured.findings.chances
    values |= {"c_aphe": chances["aphe_nonrim"], "c_ec": chances["capsule"], "c_npw": chances["washout_nonperipheral"]}
    models = Fusion.from_table(facts.decision["fusion"]).models
    assert finding.decision == "hcc"
    assert finding.probabilities["hcc"] == pytest.approx(models[whole].probability(values))
    assert sum(finding.probabilities.values()) == pytest.approx(1)
    for part, name in zip(finding.parts, ("dlf", features), strict=False):
        assert part.probabilities["hcc"] == pytest.approx(models[name].probability(values))
    rows = finding.tables["fusion"]
    assert [row["input"] for row in rows] == list(PARTS[whole])
    log_odds = sum(float(row["adds_to_log_odds"]) for row in rows)  # type: ignore[arg-type]
    assert finding.probabilities["hcc"] == pytest.approx(models[whole].probability(values))
    assert log_odds == pytest.approx(sum(models[whole].contributions(values).values()))


def test_the_bundles_features_answer_where_no_network_can(measured: LesionMeasurements) -> None:
    facts = _facts(*_ALL)
    finding = _find(measured, facts=facts)
    assert finding.decision == "hcc"
    assert finding.provenance.method == "measured features; LI-RADS"
    assert [row["input"] for row in finding.tables["fusion"]] == list(PARTS["hf"])
    assert len(finding.parts) == 2
    networks_only = _find(measured, facts=_facts("dlf"))
    assert networks_only.decision is None
    assert networks_only.probabilities == {}


def test_a_bundle_without_fusion_answers_with_its_network(measured: LesionMeasurements) -> None:
    finding = _find(measured, answers=_SURE, facts=_facts())
    assert finding.decision == "hcc"
    assert finding.probabilities["hcc"] == pytest.approx(0.95)
    assert "one network" in finding.reason
    assert "fusion" not in finding.tables


def test_below_the_bundles_threshold_no_answer_is_given(measured: LesionMeasurements) -> None:
    sure = _find(measured, answers=_SURE, facts=_facts(*_ALL))
    p = sure.probabilities["hcc"]
    withheld = _find(measured, answers=_SURE, facts=_facts(*_ALL, abstain=p + 1e-6))
    answered = _find(measured, answers=_SURE, facts=_facts(*_ALL, abstain=p - 1e-6))
    assert withheld.decision is None
    assert "neither answer is likely enough" in withheld.reason
    assert withheld.probabilities == sure.probabilities
    assert answered.decision == "hcc"


def test_contradictions_are_told_never_settled_silently(measured: LesionMeasurements) -> None:
    agreed = _find(measured, answers=_SURE, facts=_facts(*_ALL))
    assert not agreed.has_warning(DISAGREE)
    torn = _find(measured, answers=_AGAINST, facts=_facts(*_ALL))
    told = [warning.message for warning in torn.warnings if warning.code == DISAGREE]
    assert any("by the networks alone" in each for each in told)
    other = _find(measured, answers=_AGAINST, facts=_facts("dlf"))
    assert other.decision == "other"
    told = [warning.message for warning in other.warnings if warning.code == DISAGREE]
    assert len(told) == 1
    assert "the answer is other, the LI-RADS category LR-" in told[0]


def test_strangers_to_the_training_and_notes_are_told(measured: LesionMeasurements) -> None:
    far = replace(_SURE, unfamiliar=2.5, notes=("the CPU answered",))
    finding = _find(measured, answers=far, facts=_facts(*_ALL))
    assert "2.5" in next(w.message for w in finding.warnings if w.code == "unlike-training")
    assert finding.has_warning("prediction-went-on")
    near = _find(measured, answers=replace(_SURE, unfamiliar=0.9), facts=_facts(*_ALL))
    assert not near.has_warning("unlike-training")


def test_a_lesion_that_cannot_be_measured_gets_no_answer(measured: LesionMeasurements) -> None:
    blind = replace(measured, findings=None, published=None, region=None, unmeasurable="it is too small")
    finding = _find(blind, answers=_SURE, facts=_facts(*_ALL))
    assert finding.decision is None
    assert finding.probabilities == {}
    assert finding.reason.startswith("cannot tell: it is too small")
    assert lirads_of(finding).decision == "LR-NC"
    assert finding.measurement("size") is not None


def test_a_doubt_about_the_phases_withholds_answer_and_category_until_a_reader_speaks(
    measured: LesionMeasurements,
) -> None:
    doubtful = replace(measured, doubt="the phases seem to be swapped")
    finding = _find(doubtful, answers=_SURE, facts=_facts(*_ALL))
    assert finding.decision is None
    assert finding.reason.startswith("cannot tell: the phases seem to be swapped")
    assert lirads_of(finding).decision == "LR-NC"
    assert "swapped" in lirads_of(finding).reason
    spoken = recategorise(finding, {"not_categorisable": "absent"}, by="Dr A", why="the order is right")
    assert lirads_of(spoken).decision == lirads_of(_find(measured)).decision
    assert spoken.decision is None


def test_whether_lirads_applies_is_asked_not_assumed(measured: LesionMeasurements) -> None:
    unknown = _find(measured, population=None)
    assert unknown.has_warning("population-unconfirmed")
    assert lirads_of(unknown).reason.startswith("Not applicable until confirmed")
    assert "not applicable until confirmed" in categorisation_of(unknown).label
    child = _find(measured, population=Population.of("cirrhosis", age_years=9))
    assert lirads_of(child).decision is None
    assert lirads_of(child).probabilities == {}
    assert lirads_of(child).measurement(SCORE) is None
    assert not _find(measured).has_warning("population-unconfirmed")


def test_a_reader_overrides_and_the_category_follows_without_images(measured: LesionMeasurements) -> None:
    facts = _facts(*_ALL)
    finding = Finding.from_json(_find(measured, answers=_SURE, facts=facts).to_json())
    without = recategorise(finding, {Feature.APHE: "none", Feature.WASHOUT: unsure()}, by="Dr A", why="motion")
    assert lirads_of(without).decision == "LR-3"
    assert (without.decision, without.probabilities) == (finding.decision, finding.probabilities)
    assert without.reason.endswith(lirads_of(without).reason)
    assert without.reason.split("; LI-RADS: ")[0] == finding.reason.split("; LI-RADS: ")[0]
    rows = {row["feature"]: row for row in without.tables["features"]}
    assert rows["aphe"]["overridden_by"] == "Dr A"
    assert rows["aphe"]["number"] == pytest.approx(finding.measurement("arterial_lively").value)  # type: ignore[union-attr]
    assert without.has_warning("overridden")
    assert not finding.has_warning("overridden")
    back = recategorise(
        without, {name: observation_of(finding).features[name] for name in (Feature.APHE, Feature.WASHOUT)}
    )
    assert lirads_of(back).decision == lirads_of(finding).decision
    assert len(observation_of(back).overrides) == 4
    small = recategorise(finding, {"size_mm": 8})
    assert lirads_of(small).decision in ("LR-3", "LR-4")
    assert lirads_of(small).reason.startswith(f"{lirads_of(small).decision}: 8 mm")


def test_a_contradiction_comes_and_goes_with_a_readers_word(measured: LesionMeasurements) -> None:
    finding = _find(measured, answers=_SURE, facts=_facts(*_ALL))
    benign = recategorise(finding, {"definitely_benign": "present"})
    assert benign.has_warning(DISAGREE)
    assert not recategorise(benign, {"definitely_benign": "absent"}).has_warning(DISAGREE)


@pytest.mark.parametrize(
    ("said", "about"),
    [({"aphe": "bright"}, "is no value of"), ({"shape": "round"}, "no feature"), ({"size_mm": "big"}, "number of mm")],
)
def test_words_that_mean_nothing_are_refused(measured: LesionMeasurements, said: dict[str, str], about: str) -> None:
    with pytest.raises(InvalidInputError, match=about):
        recategorise(_find(measured), said)
    with pytest.raises(InvalidInputError, match=about):
        _find(measured, overrides=said)


def test_a_finding_of_something_else_has_no_category() -> None:
    with pytest.raises(MissingInputError, match="LI-RADS"):
        recategorise(Finding("phase", "series", "venous", {}, _BY_US), {"aphe": "none"})


def test_everything_survives_json(measured: LesionMeasurements) -> None:
    finding = _find(measured, answers=_SURE, facts=_facts(*_ALL), overrides={"capsule": "present", "size_mm": 19.0})
    again = Finding.from_json(finding.to_json())
    assert again == finding
    assert observation_of(again) == observation_of(finding)
    assert recategorise(again, {}) == finding
    assert {"features", "changes", "fusion", "alignment", "location"} <= set(finding.tables)


def test_warning_codes_are_written_as_in_all_findings(measured: LesionMeasurements) -> None:
    warned = replace(measured, warnings=(FindingWarning("delayed_missing", "no delayed phase"),) * 2)
    codes = [warning.code for warning in _find(warned).warnings]
    assert codes.count("delayed-missing") == 1
    assert not any("_" in code for code in codes)


def test_a_case_answers_as_its_most_suspicious_lesion(measured: LesionMeasurements) -> None:
    facts = _facts(*_ALL)
    lesions = [
        _find(replace(measured, name="a"), answers=_AGAINST, facts=facts),
        _find(replace(measured, name="b"), answers=_SURE, facts=facts),
    ]
    whole = case_finding("case 7", lesions, _BY_US)
    assert (whole.subject, whole.decision) == ("case 7", "hcc")
    assert whole.probabilities == lesions[1].probabilities
    assert whole.parts == tuple(lesions)
    assert whole.reason.startswith("b of 2 lesions decides: ")
    assert [row["lesion"] for row in whole.tables["lesions"]] == ["a", "b"]
    assert Finding.from_json(whole.to_json()) == whole
    withheld = _find(replace(measured, name="c"), answers=_SURE, facts=_facts(*_ALL, abstain=0.9999999))
    assert case_finding("case 8", [lesions[0], withheld], _BY_US).decision is None
    with pytest.raises(InvalidInputError, match="without lesions"):
        case_finding("case 9", [], _BY_US)


def test_without_any_model_the_case_is_led_by_lirads(measured: LesionMeasurements) -> None:
    scene = LiverScene(
        spacing_mm=(3.0, 2.0, 2.0),
        shape=(48, 80, 92),
        lesion_hu=dict.fromkeys(("arterial", "portal", "delayed", "non-contrast"), 5.0),
    )
    cyst = _find(measure_lesions(scene.case(lesions={"cyst": scene.lesion_mask()}))[0])
    assert lirads_of(cyst).decision == "LR-1"
    whole = case_finding("case", [cyst, _find(measured)], _BY_US)
    assert whole.decision is None
    assert whole.reason.startswith("lesion 1 of 2 lesions decides: no trained model")
