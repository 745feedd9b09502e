"""LI-RADS as a part of a lesion's finding: the category, its chances, why, and what a reader may still override.

The part keeps the whole observation, so a reader's word changes the category in a millisecond and without any image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.hcc.lirads.assessment import Assessment, seen
from abdominal_oncology.hcc.lirads.categorise import Categorisation, categorise
from abdominal_oncology.hcc.lirads.features import FEATURES, Feature
from abdominal_oncology.hcc.lirads.observation import RULES, SIZE, Observation
from abdominal_oncology.hcc.lirads.population import WANTED, Applies
from abdominal_oncology.hcc.lirads.probabilistic import category_distribution
from abdominal_oncology.learning.finding import Cell, Finding, FindingWarning, Measurement, Provenance

LIRADS = "li-rads"
FEATURE_TABLE, CHANGE_TABLE = "features", "changes"
SCORE, EXPECTED_SCORE = "li-rads score", "expected li-rads score"
UNCONFIRMED = "population-unconfirmed"

_OBSERVATION = "observation"

Overrides = Mapping[str, Assessment | str | float | None]
"""By feature (or ``size_mm``): what the reader says instead; a word is one of the feature's values, None: unknown."""

_EVIDENCE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        SIZE: ("size",),
        Feature.APHE: ("arterial_lively",),
        Feature.WASHOUT: ("portal_core", "delayed_core"),
        Feature.CAPSULE: ("portal_capsule_lift", "delayed_capsule_lift"),
        Feature.THRESHOLD_GROWTH: ("growth",),
        Feature.DELAYED_CENTRAL_ENHANCEMENT: ("delayed_rise",),
        Feature.PARALLELS_BLOOD_POOL: ("portal_shell_minus_core",),
        Feature.DEFINITELY_BENIGN: ("portal_median",),
    }
)


def lirads_part(
    subject: str, observation: Observation, measurements: tuple[Measurement, ...], provenance: Provenance
) -> Finding:
    """``decision`` is the category, also where it is not known whether LI-RADS applies (a warning and the reason say
    so then); None outside the population. ``measurements`` are the numbers to show beside the features.
    """
    found = categorise(observation)
    chances = {} if found.category is None else category_distribution(observation).probabilities
    warnings: tuple[FindingWarning, ...] = ()
    if found.applies is Applies.UNCONFIRMED:
        text = f"LI-RADS is for {WANTED}; nobody has said that this patient is one"
        warnings = (FindingWarning(UNCONFIRMED, text),)
    return Finding(
        LIRADS,
        subject,
        None if found.category is None else found.category.value,
        {category.value: p for category, p in chances.items()},
        Provenance(
            f"{RULES} on measured features",
            software=provenance.software,
            settings={_OBSERVATION: observation.to_dict()},
        ),
        found.sentence,
        _scores(found, observation),
        {
            FEATURE_TABLE: _feature_rows(found, observation, {each.name: each for each in measurements}),
            CHANGE_TABLE: tuple({"if": each.if_, "category": each.category.value} for each in found.changes),
        },
        warnings,
    )


def lirads_of(finding: Finding) -> Finding:
    """The LI-RADS part of a lesion's finding, or the finding itself where it is one."""
    for each in (finding, *finding.parts):
        if each.question == LIRADS:
            return each
    raise MissingInputError(
        "this finding has no LI-RADS part", where=finding.subject, remedy="give the finding of one liver lesion"
    )


def observation_of(finding: Finding) -> Observation:
    """What LI-RADS was told, overrides with it."""
    return Observation.from_dict(lirads_of(finding).provenance.settings[_OBSERVATION])


def categorisation_of(finding: Finding) -> Categorisation:
    """The whole answer of the rule engine; its ``label`` is what may be written into a report."""
    return categorise(observation_of(finding))


def overridden(observation: Observation, overrides: Overrides, by: str = "reader", why: str = "") -> Observation:
    """With the reader's word in the place of what was measured.

    >>> changed = overridden(Observation(21.0), {"aphe": "nonrim", "size_mm": 18})
    >>> changed.size_mm, changed.features[Feature.APHE].value, [each.what for each in changed.overrides]
    (18.0, 'nonrim', ['aphe', 'size_mm'])
    """
    for name, said in overrides.items():
        if name == SIZE:
            if isinstance(said, bool) or not isinstance(said, int | float):
                raise InvalidInputError(f"a size is a number of mm, not {said!r}", where=SIZE)
            observation = observation.override_size(float(said), by=by, why=why)
            continue
        feature = Feature.of(name)
        if isinstance(said, int | float):
            raise InvalidInputError(
                f"{said!r} is no value of {feature}", remedy=f"choose one of {', '.join(FEATURES[feature].values)}"
            )
        assessment = seen(said) if isinstance(said, str) else said
        if assessment is not None:
            assessment = assessment.checked_for(feature)
        observation = observation.override(feature, assessment, by=by, why=why)
    return observation


def measured_observation(finding: Finding) -> Observation:
    """What LI-RADS was told before any reader's word: every override taken back, the last first.

    >>> from abdominal_oncology.learning.finding import Provenance
    >>> seen_so = Observation(21.0, {Feature.APHE: seen("rim")}, size_sd_mm=1.5)
    >>> said = overridden(seen_so, {"aphe": "nonrim", "capsule": "present", "size_mm": 18})
    >>> size = Measurement("size", 21.0, "mm", 18.5327, 23.4673)
    >>> finding = lirads_part("one", said, (size,), Provenance("LI-RADS"))
    >>> before = measured_observation(replace(finding, measurements=(size,)))
    >>> before.features == seen_so.features, before.size_mm, round(before.size_sd_mm, 2), before.overrides
    (True, 21.0, 1.5, ())
    """
    observation = observation_of(finding)
    for each in reversed(observation.overrides):
        if each.what == SIZE:
            size = each.before if isinstance(each.before, int | float) else None
            observation = replace(observation, size_mm=size, size_sd_mm=_size_error(finding))
            continue
        feature = Feature(each.what)
        features = {name: known for name, known in observation.features.items() if name is not feature}
        if isinstance(each.before, Assessment):
            features[feature] = each.before
        observation = replace(observation, features=features)
    return replace(observation, overrides=())


def said_of(observation: Observation) -> Overrides:
    """The reader's last word on each feature, as :func:`overridden` takes it."""
    return {each.what: each.after for each in observation.overrides}


def _size_error(finding: Finding) -> float:
    """Of the measured size; half a 90 % interval is 1.645 times it, as in ``Uncertain``."""
    size = finding.measurement("size")
    return 0.0 if size is None or size.low is None or size.high is None else (size.high - size.low) / (2 * 1.645)


def _scores(found: Categorisation, observation: Observation) -> tuple[Measurement, ...]:
    if found.score is None:
        return ()
    expected = category_distribution(observation).score
    rows = [Measurement(SCORE, found.score, note="category / 5")]
    if expected is not None:
        rows.append(Measurement(EXPECTED_SCORE, round(expected, 6), note="mean over the chances of LR-1 to LR-5"))
    return tuple(rows)


def _feature_rows(
    found: Categorisation, observation: Observation, numbers: Mapping[str, Measurement]
) -> tuple[Mapping[str, Cell], ...]:
    rows: list[Mapping[str, Cell]] = []
    for each in found.used:
        known = None if each.feature == SIZE else observation.features.get(Feature(each.feature))
        evidence = _evidence(each.feature, numbers)
        rows.append(
            {
                "feature": each.feature,
                "title": "size" if each.feature == SIZE else FEATURES[Feature(each.feature)].title,
                "value": each.value,
                "certainty": each.certainty,
                "chance": each.probability,
                "chances": ", ".join(f"{value} {p:.2f}" for value, p in (known.probabilities if known else {}).items()),
                "measured": evidence.name if evidence else "",
                "number": evidence.value if evidence else None,
                "low": evidence.low if evidence else None,
                "high": evidence.high if evidence else None,
                "unit": evidence.unit if evidence else "",
                "note": each.note,
                "source": each.source,
                "overridden_by": each.overridden_by,
            }
        )
    return tuple(rows)


def _evidence(feature: str, numbers: Mapping[str, Measurement]) -> Measurement | None:
    """Of two phases the one that speaks for the feature more: darker for washout, brighter for all others."""
    known = [numbers[name] for name in _EVIDENCE.get(feature, ()) if name in numbers]
    if not known:
        return None
    choose = min if feature == Feature.WASHOUT else max
    return choose(known, key=lambda each: each.value)
