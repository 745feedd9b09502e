"""``abdominal-oncology lirads``: the LI-RADS category of what a reader saw, with the reason; no image is read."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import date
from itertools import repeat
from pathlib import Path
from types import MappingProxyType
from typing import Any

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table
from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.hcc.lirads.assessment import Assessment, measured, seen, unsure
from abdominal_oncology.hcc.lirads.categorise import Categorisation, categorise
from abdominal_oncology.hcc.lirads.features import FEATURES, Aphe, Feature, Group, ImagedPhase, Presence, Washout
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.observation import Observation
from abdominal_oncology.hcc.lirads.population import Population, PopulationFact
from abdominal_oncology.hcc.lirads.probabilistic import Distribution, category_distribution
from abdominal_oncology.hcc.lirads.table import Category

UNKNOWN = "unknown"
USUAL = MappingProxyType({Feature.APHE: Aphe.NONRIM.value, Feature.WASHOUT: Washout.NONPERIPHERAL.value})
"""The value that a feature's name alone means; of all others: present."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.allow_abbrev = False  # --capsule must not be taken for the start of something longer
    parser.add_argument("--size-mm", type=float, help="largest outer-edge-to-outer-edge diameter, capsule included")
    parser.add_argument("--size-sd-mm", type=float, help="uncertainty of the size, for the probabilities")
    patient = parser.add_argument_group("patient and study")
    patient.add_argument(
        "--population",
        action="append",
        choices=[*(each.value for each in PopulationFact), UNKNOWN],
        help="whom LI-RADS is for: an adult with cirrhosis, hbv or hcc-history; repeat for several",
    )
    patient.add_argument("--age-years", type=float)
    patient.add_argument(
        "--phases", nargs="+", choices=[each.value for each in ImagedPhase], help="what was imaged; default: all needed"
    )
    prior = parser.add_argument_group("earlier CT or MR, repeat for several")
    prior.add_argument("--prior-size-mm", type=float, action="append", default=[], help="0: it was not there")
    prior.add_argument("--months", "--prior-months", type=float, action="append", default=[], help="how long before")
    prior.add_argument("--prior-date", type=_day, action="append", default=[], metavar="YYYY-MM-DD")
    prior.add_argument("--date", type=_day, metavar="YYYY-MM-DD", help="of this study, for --prior-date")
    _add_features(parser)
    choices = parser.add_argument_group("how to decide")
    choices.add_argument(
        "--probability",
        type=_probability,
        action="append",
        default=[],
        metavar="NAME=P",
        help="that the feature has the value given for it, or its usual one: aphe=0.8; of another value: aphe:rim=0.1",
    )
    choices.add_argument("--no-ancillary", action="store_true", help="leave ancillary features out")
    choices.add_argument(
        "--torn-with",
        choices=[each.value for each in Category if each is not Category.LR_NC],
        help="the other category you hesitate about; the tie-breaking rules decide",
    )
    choices.add_argument("--observation", metavar="FILE", help="start from this JSON; options then override it")
    choices.add_argument("--reader", default="command line", help="who overrides, for the record")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    observation = _observation(options)
    found = categorise(observation)
    distribution = category_distribution(observation) if found.category is not None else None
    if options.json:
        chances = distribution and {each.value: p for each, p in distribution.probabilities.items()}
        mean = distribution.score if distribution else None
        extra = {"probabilities": chances, "mean_score": mean, "observation": observation.to_dict()}
        print_json({**found.to_dict(), **extra})
    else:
        _print(found, distribution)
    return ExitCode.DONE


def _add_features(parser: argparse.ArgumentParser) -> None:
    groups: dict[Group, Any] = {}
    for feature, spec in FEATURES.items():
        if spec.group not in groups:
            groups[spec.group] = parser.add_argument_group(spec.group.value)
        names = [f"--{feature.value.replace('_', '-')}"]
        if feature is Feature.TUMOUR_IN_VEIN:
            names.append("--tiv")
        # --aphe alone would leave open whether rim or nonrim
        alone: dict[str, Any] = {} if feature is Feature.APHE else {"nargs": "?", "const": _usual(feature)}
        groups[spec.group].add_argument(
            *names,
            dest=feature.value,
            choices=[*spec.values, UNKNOWN],
            help=f"{spec.definition}{' (seen on MR)' if spec.mr_only else ''}".replace("%", "%%"),
            **alone,
        )


def _observation(options: argparse.Namespace) -> Observation:
    base = _read(options.observation) if options.observation else Observation()
    changes: dict[str, Any] = {}
    if options.population or options.age_years is not None:
        names = options.population or sorted(each.value for each in base.population.facts)
        age = base.population.age_years if options.age_years is None else options.age_years
        changes["population"] = Population.of(*names, age_years=age)
    if options.phases:
        changes["phases"] = frozenset(map(ImagedPhase, options.phases))
    if options.prior_size_mm or options.months or options.prior_date:
        changes["priors"] = _priors(options)
    if options.date:
        changes["imaged_on"] = options.date
    if options.size_sd_mm is not None:
        changes["size_sd_mm"] = options.size_sd_mm
    if options.no_ancillary:
        changes["use_ancillary"] = False
    if options.torn_with:
        changes["torn_with"] = Category(options.torn_with)
    observation = replace(base, **changes)
    given = _assessments(options)
    if not options.observation:
        return replace(observation, size_mm=options.size_mm, features=given)
    for feature, assessment in given.items():
        observation = observation.override(feature, assessment, by=options.reader)
    return observation if options.size_mm is None else observation.override_size(options.size_mm, by=options.reader)


def _read(path: str) -> Observation:
    try:
        return Observation.from_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInputError(f"cannot read: {error.strerror}", where=path) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError("this is not a text file", where=path) from error


def _priors(options: argparse.Namespace) -> tuple[PriorSize, ...]:
    sizes, months, dates = options.prior_size_mm, options.months, options.prior_date
    if months and dates:
        raise InvalidInputError("priors are dated by months or by dates, not both", where="--prior-size-mm")
    if len(sizes) != len(months or dates):
        raise InvalidInputError(
            f"{len(sizes)} prior sizes and {len(months or dates)} times do not pair",
            where="--prior-size-mm",
            remedy="give --months or --prior-date for each --prior-size-mm",
        )
    pairs = zip(sizes, months or repeat(None), dates or repeat(None), strict=False)
    return tuple(PriorSize(size, months=before, on=day) for size, before, day in pairs)


def _assessments(options: argparse.Namespace) -> dict[Feature, Assessment]:
    chances: dict[Feature, dict[str, float]] = {}
    for feature, value, p in options.probability:
        stated = getattr(options, feature.value)
        named = value or (stated if stated not in (None, UNKNOWN) else _usual(feature))
        if named in chances.setdefault(feature, {}):
            raise InvalidInputError(f"the probability of {feature} {named} is given twice", where="--probability")
        chances[feature][named] = p
    found = {}
    for feature in FEATURES:
        stated = getattr(options, feature.value)
        if feature in chances:
            assessment = measured(feature, _over_values(feature, chances[feature]), source="probability given")
            if stated == UNKNOWN:
                assessment = replace(unsure(), probabilities=assessment.probabilities)
            elif stated is not None:  # what the reader says counts; the probability feeds the distribution
                assessment = replace(seen(stated), probabilities=assessment.probabilities)
            found[feature] = assessment
        elif stated is not None:
            found[feature] = unsure() if stated == UNKNOWN else seen(stated)
    return found


def _over_values(feature: Feature, chances: dict[str, float]) -> dict[str, float]:
    """A probability of the absent value alone leaves the rest to the usual one."""
    absent = FEATURES[feature].absent
    return {**chances, _usual(feature): 1 - chances[absent]} if set(chances) == {absent} else chances


def _usual(feature: Feature) -> str:
    return USUAL.get(feature, Presence.PRESENT.value)


def _probability(text: str) -> tuple[Feature, str, float]:
    name, equals, number = text.partition("=")
    name, _, value = name.partition(":")
    try:
        if not equals:
            raise ValueError
        feature, p = Feature.of(name.strip()), float(number)
    except InvalidInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=P or NAME:VALUE=P, as in aphe=0.8") from None
    if value and value not in FEATURES[feature].values:
        raise argparse.ArgumentTypeError(f"{feature} is one of {', '.join(FEATURES[feature].values)}, not {value!r}")
    if not 0 <= p <= 1:
        raise argparse.ArgumentTypeError(f"a probability lies within 0 and 1, not {number}")
    return feature, value, p


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date like 2026-01-31") from None


def _print(found: Categorisation, distribution: Distribution | None) -> None:
    print(found.sentence)
    if found.used:
        print()
        rows = [{**vars(each), "overridden by": each.overridden_by} for each in found.used]
        columns = ["feature", "value", "certainty", "probability", "note", "source", "overridden by"]
        print_table(rows, [name for name in columns if name in columns[:3] or any(row[name] for row in rows)])
    if distribution and max(distribution.probabilities.values()) < 1:
        print()
        chances = distribution.probabilities.items()
        print_table([{"category": each.value, "probability": round(p, 4)} for each, p in chances if p >= 5e-5])
    if found.changes:
        print("\nWhat would change it:")
        print("\n".join(f"  {change}" for change in found.changes))
    if found.notes:
        print()
        print("\n".join(f"note: {note}" for note in found.notes))
