"""From a case to one finding per lesion: align, measure, ask the networks where they can answer, fuse, categorise.

Needs no torch: a predictor is handed in, and without one measurements and LI-RADS answer alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from abdominal_oncology import __version__
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.answer_lesions import answer_lesions
from abdominal_oncology.hcc.case import MultiphaseCase
from abdominal_oncology.hcc.features.published import Energy
from abdominal_oncology.hcc.finding import lesion_finding
from abdominal_oncology.hcc.finding_lirads import Overrides
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.hcc.measure import LesionMeasurements, measure_prepared
from abdominal_oncology.hcc.prepare import Method, prepare
from abdominal_oncology.learning.finding import Finding, Provenance
from abdominal_oncology.progress import Progress, part, silent

if TYPE_CHECKING:
    from abdominal_oncology.learning.bundle.facts import BundleFacts
    from abdominal_oncology.learning.predictor import Predictor


@dataclass(frozen=True)
class Analysis:
    """One finding per lesion and, in the same order, what was measured on it (for maps of why)."""

    findings: tuple[Finding, ...]
    measured: tuple[LesionMeasurements, ...]


def analyze(
    case: MultiphaseCase,
    *,
    predictor: Predictor | None = None,
    population: Population | None = None,
    imaged_on: date | None = None,
    overrides: Mapping[str, Overrides] | None = None,
    by: Method = "auto",
    progress: Progress = silent,
) -> list[Finding]:
    """One finding per lesion, in their order. ``overrides`` holds a reader's word by lesion.

    Raises a named error where the input makes every answer meaningless (no CT in HU, another patient's phase by its
    header, an empty outline); what is wrong with one lesion or doubtful ends in that finding's warnings.
    """
    found = examine(
        case,
        predictor=predictor,
        population=population,
        imaged_on=imaged_on,
        overrides=overrides,
        by=by,
        progress=progress,
    )
    return list(found.findings)


def examine(
    case: MultiphaseCase,
    *,
    predictor: Predictor | None = None,
    population: Population | None = None,
    imaged_on: date | None = None,
    overrides: Mapping[str, Overrides] | None = None,
    by: Method = "auto",
    progress: Progress = silent,
) -> Analysis:
    """As :func:`analyze`, with the measurements."""
    started = time.perf_counter()
    facts = None if predictor is None else _checked(predictor)
    said = _by_lesion(case, overrides)
    prepared = prepare(case, by=by, progress=part(progress, 0.0, 0.6))
    aligned = time.perf_counter()
    energy = Energy.MEAN if facts is None else Energy(facts.decision.get("energy", Energy.MEAN))
    measured = measure_prepared(prepared, part(progress, 0.6, 0.8), energy=energy)
    sized = time.perf_counter()
    asked = answer_lesions(prepared, measured, predictor, part(progress, 0.8, 0.98))
    answered = time.perf_counter()
    seconds = {"preparing": aligned - started, "measuring": sized - aligned, "networks": answered - sized}
    provenance = _provenance(case, predictor, by, energy, seconds)
    findings = tuple(
        lesion_finding(
            replace(each, warnings=(*each.warnings, *more)),
            answers=answers,
            facts=facts,
            provenance=provenance,
            population=population,
            imaged_on=imaged_on,
            overrides=said.get(each.name),
        )
        for each, (answers, more) in zip(measured, asked, strict=True)
    )
    spent = time.perf_counter() - started
    progress(1.0, "done")
    timed = [each.taking(spent) for each in findings]
    return Analysis(tuple(timed), tuple(measured))


def _checked(predictor: Predictor) -> BundleFacts:
    facts = predictor.model.facts
    if facts.task != "hcc":
        raise InvalidInputError(
            f"this bundle is for the task {facts.task}, not hcc", where=facts.name, remedy="name a bundle for hcc"
        )
    return facts


def _by_lesion(case: MultiphaseCase, overrides: Mapping[str, Overrides] | None) -> Mapping[str, Overrides]:
    names = [lesion.name for lesion in case.lesions]
    unknown = sorted(set(overrides or {}) - set(names))
    if unknown:
        raise InvalidInputError(
            f"features of {', '.join(unknown)} are overridden, but no lesion has that name",
            remedy=f"use one of {', '.join(names)}",
        )
    return overrides or {}


def _provenance(
    case: MultiphaseCase, predictor: Predictor | None, by: Method, energy: Energy, seconds: Mapping[str, float]
) -> Provenance:
    made_by = (
        Provenance("", device="cpu", software=f"AbdominalOncology {__version__}")
        if predictor is None
        else predictor.provenance()
    )
    settings = {
        **made_by.settings,
        "alignment": by,
        "energy": energy.value,
        "seconds": {stage: round(spent, 4) for stage, spent in seconds.items()},
    }
    return replace(made_by, settings=settings, inputs=_inputs(case, case.roles))


def _inputs(case: MultiphaseCase, roles: Sequence[str]) -> dict[str, str]:
    """Which series each phase is."""
    sources = {role: case.phases[role].source for role in roles}
    return {
        role: source.path or source.series_uid for role, source in sources.items() if source.path or source.series_uid
    }
