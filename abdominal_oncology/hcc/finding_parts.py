"""The two halves of the published method as findings of their own: the networks', and that of the measured features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING

from abdominal_oncology.hcc.fusion import FusedModel, Fusion, Part
from abdominal_oncology.hcc.lesion_answers import LesionAnswers
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.finding import Cell, Finding, FindingWarning, Provenance

if TYPE_CHECKING:
    from abdominal_oncology.hcc.measure import LesionMeasurements

QUESTION = "hcc"
HCC, OTHER = "hcc", "other"
FUSION_TABLE = "fusion"
NETWORKS, MEASURED, BOTH, ONE_NETWORK = "networks", "measured features", "networks and measured features", "one network"

_TITLES: Mapping[Part, str] = {"dlf": NETWORKS, "hf": MEASURED, "dlf+hf": BOTH, "hf+lf": MEASURED, "dlf+hf+lf": BOTH}
_HALVES: tuple[tuple[Part, ...], ...] = (("dlf",), ("hf+lf", "hf"))
_CHANCES = {"c_aphe": "aphe_nonrim", "c_ec": "capsule", "c_npw": "washout_nonperipheral"}
_FAMILIAR = 1.0
_SUREST = 1e-6


@dataclass(frozen=True)
class Fused:
    """``whole`` is the probability of HCC from all that is known, by the method ``method``; ``parts`` what each half
    says alone. ``rows`` show what each input adds to the log-odds of the whole.
    """

    whole: float | None
    method: str
    parts: tuple[Finding, ...] = ()
    rows: tuple[Mapping[str, Cell], ...] = ()


def fuse(
    measured: LesionMeasurements, answers: LesionAnswers | None, facts: BundleFacts | None, provenance: Provenance
) -> Fused:
    """Everything known about a lesion through the bundle's regressions, the widest that has its inputs as the whole."""
    values = fusion_values(measured, answers)
    table = {} if facts is None else facts.decision.get("fusion")
    if not table:
        if answers is None:
            return Fused(None, "")
        part = _part(measured.name, ONE_NETWORK, answers.p_hcc, provenance)
        return Fused(answers.p_hcc, ONE_NETWORK, (part,))
    fusion = Fusion.from_table(table)
    best = fusion.best(values)
    if best is None:
        return Fused(None, "")
    chosen, whole = best
    answering = [each for each in (fusion.best(values, among=half) for half in _HALVES) if each is not None]
    parts = tuple(_part(measured.name, _TITLES[name], p_hcc, provenance) for name, p_hcc in answering)
    return Fused(whole, _TITLES[chosen], parts, _rows(fusion.models[chosen], values))


def fusion_values(measured: LesionMeasurements, answers: LesionAnswers | None) -> dict[str, float]:
    """By the names of :data:`~abdominal_oncology.hcc.fusion.INPUTS`; what is not known is left out."""
    values = {"size": measured.size.value}
    if measured.published is not None:
        published = measured.published
        values |= {"f_aphe": published.aphe_hu, "f_ec": published.capsule_hu2, "f_npw": published.washout_hu}
    if measured.findings is not None:
        values |= {name: measured.findings.chances[chance] for name, chance in _CHANCES.items()}
    if answers is not None:
        values |= {"p_hcc": answers.p_hcc, "p_aphe": answers.p_aphe, "p_ec": answers.p_ec, "p_npw": answers.p_npw}
    return {name: value for name, value in values.items() if isfinite(value)}


def answer_warnings(answers: LesionAnswers | None) -> list[FindingWarning]:
    """What the networks had to do, and whether they know such lesions at all."""
    if answers is None:
        return []
    warnings = [FindingWarning("prediction-went-on", note) for note in answers.notes]
    if answers.unfamiliar is not None and answers.unfamiliar > _FAMILIAR:
        text = f"the lesion is unlike the training data: {answers.unfamiliar:.1f} × its limit"
        warnings.append(FindingWarning("unlike-training", text))
    return warnings


def both_ways(p_hcc: float) -> dict[str, float]:
    """Probabilities of the two answers; neither is ever impossible."""
    p = min(max(p_hcc, _SUREST), 1 - _SUREST)
    return {HCC: p, OTHER: 1 - p}


def _part(subject: str, method: str, p_hcc: float, provenance: Provenance) -> Finding:
    probabilities = both_ways(p_hcc)
    decision = max(probabilities, key=lambda name: probabilities[name])
    reason = f"{method}: HCC with probability {p_hcc:.2f}"
    return Finding(QUESTION, subject, decision, probabilities, replace(provenance, method=method, settings={}), reason)


def _rows(model: FusedModel, values: Mapping[str, float]) -> tuple[Mapping[str, Cell], ...]:
    added = model.contributions(values)
    return tuple(
        {"input": name, "value": values[name], "coefficient": beta, "adds_to_log_odds": added[name]}
        for name, beta in zip(model.inputs, model.coefficients, strict=True)
    )
