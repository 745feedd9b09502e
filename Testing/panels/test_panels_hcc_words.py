"""A reader's words: each changes the category as LI-RADS says, and all can be taken back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abdominal_oncology.hcc.finding_lirads import categorisation_of, lirads_part, observation_of
from abdominal_oncology.hcc.lirads.assessment import measured
from abdominal_oncology.hcc.lirads.features import FEATURES, Feature, ImagedPhase
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.observation import Observation
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.learning.finding import Finding, Measurement, Provenance
from abdominal_oncology.panels.hcc_words import (
    ON_CT,
    feature_rows,
    next_word,
    overrides_of,
    size_said,
    with_patient,
    with_word,
    without_words,
    word_on,
)


@pytest.fixture(autouse=True, scope="module")
def words_of_slicer() -> Iterator[None]:
    """``slicer.i18n`` for the texts, where no desktop is."""
    name = "slicer.i18n"
    before = sys.modules.get(name)
    stand_in = ModuleType(name)
    vars(stand_in)["translate"] = lambda context, text: text
    sys.modules[name] = stand_in
    yield
    if before is None:
        del sys.modules[name]
    else:
        sys.modules[name] = before


def lesion(size_mm: float = 24.0, phases: frozenset[ImagedPhase] = frozenset(ImagedPhase)) -> Finding:
    """Nonrim APHE, washout likely, a capsule that nobody can be sure of."""
    features = {
        Feature.APHE: measured(Feature.APHE, {"nonrim": 0.95}),
        Feature.WASHOUT: measured(Feature.WASHOUT, {"nonperipheral": 0.85}),
        Feature.CAPSULE: measured(Feature.CAPSULE, 0.6),
    }
    observation = Observation(size_mm, features, phases, Population.of("cirrhosis"), size_sd_mm=1.0)
    size = Measurement("size", size_mm, "mm", size_mm - 1.645, size_mm + 1.645)
    part = lirads_part("one", observation, (size,), Provenance("LI-RADS"))
    return Finding("hcc", "one", None, {}, Provenance("test"), "no model", (size,), dict(part.tables), (), (part,))


WORDS = st.lists(
    st.sampled_from([(each.value, value) for each in ON_CT for value in (*FEATURES[each].values, None)])
    | st.tuples(st.just("size_mm"), st.floats(1.0, 90.0) | st.none()),
    max_size=8,
)


@given(words=WORDS)
@settings(max_examples=60, deadline=None)
def test_words_can_be_taken_back_also_after_the_scene_was_saved(words: list[tuple[str, str | float | None]]) -> None:
    found = lesion()
    changed = found
    for what, word in words:
        changed = with_word(changed, what, word)
    again = Finding.from_dict(json.loads(json.dumps(changed.to_dict())))
    assert observation_of(again) == observation_of(changed)
    last = dict(words)
    assert {what for what, word in last.items() if word is not None} == set(overrides_of([again]).get("one", {}))
    restored = without_words(again)
    assert observation_of(restored).features == observation_of(found).features
    assert observation_of(restored).size_mm == 24.0
    assert observation_of(restored).size_sd_mm == pytest.approx(1.0)
    assert not restored.has_warning("overridden")


def test_a_word_changes_category_and_row() -> None:
    found = lesion()
    assert categorisation_of(found).label == "LR-5"
    said = with_word(with_word(found, "washout", "none"), "size_mm", 15.0)
    assert categorisation_of(said).label == "LR-3"
    assert said.has_warning("overridden")
    assert word_on(said, Feature.WASHOUT) == "none"
    assert size_said(said) == 15.0
    row = next(each for each in feature_rows(said) if each.feature is Feature.WASHOUT)
    assert (row.value, row.is_said, row.measured) == ("none", True, "nonperipheral 85\u00a0%")
    with_size_back = with_word(said, "size_mm", None)
    assert size_said(with_size_back) is None
    assert categorisation_of(with_size_back).label == "LR-4"


def test_rows_say_what_was_measured_and_what_could_not_be() -> None:
    rows = {each.feature: each for each in feature_rows(lesion(phases=frozenset({ImagedPhase.PORTAL})))}
    assert rows[Feature.APHE].locked == rows[Feature.APHE].measured == "not assessable: no arterial phase"
    assert rows[Feature.CAPSULE].measured == "unsure: present 60\u00a0%, so absent"
    assert rows[Feature.MOSAIC].measured == "not measured"
    assert [feature for feature, row in rows.items() if row.is_shown] == [
        Feature.APHE,
        Feature.WASHOUT,
        Feature.CAPSULE,
        Feature.THRESHOLD_GROWTH,
    ]
    assert not any(FEATURES[feature].mr_only for feature in rows)


@pytest.mark.parametrize("feature", ON_CT)
def test_clicks_go_through_every_word_and_back(feature: Feature) -> None:
    word, seen = None, []
    for _ in range(len(FEATURES[feature].values) + 1):
        word = next_word(feature, word)
        seen.append(word)
    assert seen[-1] is None
    assert set(seen[:-1]) == set(FEATURES[feature].values)
    assert seen[-2] == FEATURES[feature].absent, "absent comes last"


def test_another_patient_is_another_category_and_words_stay() -> None:
    said = with_word(lesion(), "capsule", "present")
    young = with_patient(said, Population.of("cirrhosis", "under-18"), (), None)
    assert categorisation_of(young).category is None
    prior = PriorSize(15.0, on=date(2024, 2, 1))
    grown = with_patient(young, Population.of("hbv"), (prior,), date(2024, 6, 1))
    assert categorisation_of(grown).label == "LR-5"
    assert "threshold growth (15 → 24 mm" in categorisation_of(grown).sentence
    assert word_on(grown, Feature.CAPSULE) == "present"
    assert with_patient(grown, Population.of("hbv"), (prior,), date(2024, 6, 1)) is grown
    assert with_patient(grown, Population.of("hbv"), None, None) is grown, "nothing was said of an earlier study"
    assert "threshold growth" not in categorisation_of(with_patient(grown, Population.of("hbv"), (), None)).sentence
