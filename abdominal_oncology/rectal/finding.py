"""The finding of a rectal volume: how likely T3, decided at a stated operating point, with its evidence and its doubts.

What masks measure stands beside the network's answer and never changes it; where the two contradict each other, a
warning says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.finding import Cell, Finding, FindingWarning, Measurement, Provenance
from abdominal_oncology.rectal.evidence import Evidence, Floats, slice_rows
from abdominal_oncology.rectal.header_checks import NOT_T2
from abdominal_oncology.rectal.marks import Placed
from abdominal_oncology.rectal.measured import contradiction, measure_masks
from abdominal_oncology.rectal.motion import motion_warnings
from abdominal_oncology.rectal.operating import OperatingPoint, operating_point
from abdominal_oncology.rectal.prepare import PreparedVolume
from abdominal_oncology.rectal.words import OPERATING, OVER_VIEWS, QUESTION, REGION, SLICES, VIEWS

_WITHHOLDING = (NOT_T2, "region-not-located")
"""Doubts that take the answer away: another weighting, or a place that nobody chose and nothing found."""

_FAMILIAR = 1.0
_WITHIN_90 = 1.645
_AS_IT_IS = "as it is"
_NO_NETWORK = "no trained model was used, so no stage is given"


@dataclass(frozen=True)
class Look:
    """One of the network's looks at a volume: under which view, by which network where there are several."""

    view: str = _AS_IT_IS
    network: str = ""


def stage_finding(
    subject: str,
    prepared: PreparedVolume,
    answers: Answers,
    facts: BundleFacts,
    provenance: Provenance,
    *,
    evidence: Evidence | None = None,
    placed: Placed | None = None,
    masks: Mapping[str, Image] | None = None,
    operating: OperatingPoint | None = None,
    looks: Sequence[Look] = (),
    warnings: Sequence[FindingWarning] = (),
) -> Finding:
    """What ``answers``, one row per look at the same volume, say together: the mean of their probabilities.

    ``placed`` says which slices the network was given (``evidence`` needs it); ``masks`` by role are measured beside
    it; ``operating`` None: the bundle's default; ``warnings`` come from whoever looked at the input before.
    """
    if len(facts.classes) != 2:
        raise InvalidInputError(f"a stage is one of two, not of {len(facts.classes)}", where=facts.name)
    rows = np.asarray(answers.probabilities[:, 1], dtype=np.float64)
    looks = tuple(looks) or tuple(Look() for _ in rows)
    if len(looks) != len(rows):
        raise InvalidInputError(f"{len(rows)} answers for {len(looks)} looks")
    point = operating or operating_point(facts)
    measured = measure_masks(masks or {})
    chance = float(rows.mean())
    doubts = [*prepared.warnings, *warnings, *motion_warnings(prepared), *measured.warnings]
    decision, reason = _decide(chance, point, facts, doubts)
    doubts += contradiction(decision, measured.spread)
    doubts += [*_window_warnings(prepared, placed), *_answer_warnings(answers, rows, point)]
    over_views = (_over_views(rows),) if len(rows) > 1 else ()
    settings = {**provenance.settings, "operating_point": point.name, "threshold": point.threshold}
    return Finding(
        QUESTION,
        subject,
        decision,
        {facts.classes[0]: 1 - chance, facts.classes[1]: chance},
        replace(provenance, settings=settings),
        f"{reason}{_carried(evidence, prepared, placed, chance >= point.threshold)}",
        (*over_views, *measured.measurements),
        _tables(prepared, evidence, placed) | {VIEWS: _view_rows(looks, rows), OPERATING: (_point_row(point),)},
        tuple(dict.fromkeys(doubts)),
    )


def unstaged_finding(
    subject: str,
    prepared: PreparedVolume,
    provenance: Provenance,
    *,
    masks: Mapping[str, Image] | None = None,
    warnings: Sequence[FindingWarning] = (),
) -> Finding:
    """Without a network: the region and what masks measure; no stage, however deep the spread is."""
    measured = measure_masks(masks or {})
    told = "; ".join(f"{each.name} {each.value:.2g} {each.unit} ({each.note})" for each in measured.measurements)
    return Finding(
        QUESTION,
        subject,
        None,
        {},
        replace(provenance, method="measured masks" if told else "checks of the input"),
        f"{_NO_NETWORK}{f'; measured: {told}' if told else ''}",
        measured.measurements,
        _tables(prepared, None, None),
        tuple(dict.fromkeys([*prepared.warnings, *warnings, *motion_warnings(prepared), *measured.warnings])),
    )


def _decide(
    chance: float, point: OperatingPoint, facts: BundleFacts, doubts: Sequence[FindingWarning]
) -> tuple[str | None, str]:
    """Withheld where image or region are not what a stage can be told of, and too near to the threshold."""
    said = f"T3 with probability {chance:.2f}; {point.describe()}"
    wrong = next((each for each in doubts if each.code in _WITHHOLDING), None)
    if wrong is not None:
        return None, f"cannot tell: {wrong.message}; {said}"
    # the bundle's limit is a distance from one half; at another threshold the same distance in log-odds counts
    least = min(max(facts.thresholds.get("abstain", 0.5), 0.5), 1 - 1e-6)
    if abs(_log_odds(chance) - _log_odds(point.threshold)) < _log_odds(least) - 1e-9:
        return None, f"too close to call: {said}"
    return facts.classes[int(chance >= point.threshold)], said


def _carried(evidence: Evidence | None, prepared: PreparedVolume, placed: Placed | None, is_t3: bool) -> str:
    """The slices that spoke most for the answer, in words."""
    if evidence is None or placed is None:
        return ""
    towards = evidence.influence if is_t3 else -evidence.influence
    most = [int(n) for n in np.argsort(-towards)[:3] if towards[n] > 0]
    if not most:
        return ""
    count = prepared.geometry.shape[0]
    stored = sorted(prepared.plane.stored_slice(placed.first + n, count) for n in most)
    return f"; carried most by slice{'s' if len(stored) > 1 else ''} {', '.join(map(str, stored))}"


def _over_views(rows: Floats) -> Measurement:
    """The mean and the range in which nine of ten looks lie, taken on log-odds."""
    odds = np.array([_log_odds(float(each)) for each in rows])
    reach = _WITHIN_90 * float(odds.std(ddof=1))
    low, high = (1 / (1 + math.exp(-(float(odds.mean()) + sign * reach))) for sign in (-1, 1))
    note = f"{len(rows)} looks from {rows.min():.2f} to {rows.max():.2f}, SD {rows.std(ddof=1):.3f}"
    return Measurement(OVER_VIEWS, float(rows.mean()), "1", low, high, note)


def _answer_warnings(answers: Answers, rows: Floats, point: OperatingPoint) -> list[FindingWarning]:
    found = [FindingWarning("prediction-went-on", note) for note in answers.notes]
    above = int((rows >= point.threshold).sum())
    other = min(above, len(rows) - above)
    if other > len(rows) // 8:
        text = f"{other} of {len(rows)} looks at the volume fall on the other side of the operating point"
        found.append(FindingWarning("views-disagree", text))
    distance = 0.0 if answers.unfamiliar is None else float(answers.unfamiliar.mean())
    if distance > _FAMILIAR:
        text = (
            f"the volume is unlike the training data ({distance:.1f} × its limit): another sequence, no tumour in the "
            "region, or what the network was never shown"
        )
        found.append(FindingWarning("unlike-training", text))
    return found


def _window_warnings(prepared: PreparedVolume, placed: Placed | None) -> list[FindingWarning]:
    """Slices of the region, or where nobody located it of the volume, that the network was not given."""
    if placed is None:
        return []
    first, last = prepared.region.slices
    missing = max(placed.first - first, 0) + max(last - placed.first - placed.count, 0)
    if not missing:
        return []
    count = prepared.geometry.shape[0]
    ends = sorted(prepared.plane.stored_slice(k, count) for k in (placed.first, placed.first + placed.count - 1))
    text = (
        f"the network looked at slices {ends[0]} to {ends[1]}; {missing} of the {last - first} slices "
        f"{'of the volume' if prepared.region.source == 'body' else 'of the region'} lie outside of them"
    )
    return [FindingWarning("slices-not-seen", text)]


def _tables(
    prepared: PreparedVolume, evidence: Evidence | None, placed: Placed | None
) -> dict[str, tuple[Mapping[str, Cell], ...]]:
    tables: dict[str, tuple[Mapping[str, Cell], ...]] = {REGION: (_region_row(prepared, placed),)}
    if evidence is not None and placed is not None:
        tables[SLICES] = slice_rows(prepared, placed, evidence)
    return tables


def _view_rows(looks: Sequence[Look], rows: Floats) -> tuple[Mapping[str, Cell], ...]:
    named = any(look.network for look in looks)
    return tuple(
        {**({"network": look.network} if named else {}), "view": look.view, "probability": round(float(chance), 4)}
        for look, chance in zip(looks, rows, strict=True)
    )


def _point_row(point: OperatingPoint) -> Mapping[str, Cell]:
    return {
        "name": point.name,
        "threshold": point.threshold,
        "sensitivity": point.sensitivity,
        "specificity": point.specificity,
    }


def _region_row(prepared: PreparedVolume, placed: Placed | None) -> Mapping[str, Cell]:
    """What the network saw, as a box in the patient: drawn as a ROI and given back, it makes the same cut."""
    count, rows, columns = prepared.geometry.shape
    first, last = (placed.first, placed.first + placed.count) if placed else prepared.region.slices
    middle = prepared.geometry.to_world([(first + last - 1) / 2, (rows - 1) / 2, (columns - 1) / 2])
    spacing = prepared.geometry.spacing_mm
    stored = sorted(prepared.plane.stored_slice(k, count) for k in (first, last - 1))
    return {
        "source": prepared.region.source,
        "first_slice": stored[0],
        "last_slice": stored[1],
        **{f"centre_{axis}_mm": round(float(at), 3) for axis, at in zip("xyz", middle, strict=True)},
        "height_mm": round((last - first) * spacing[0], 3),
        "rows_mm": round(rows * spacing[1], 3),
        "columns_mm": round(columns * spacing[2], 3),
        "confidence": prepared.region.confidence,
    }


def _log_odds(chance: float) -> float:
    kept = min(max(chance, 1e-7), 1 - 1e-7)
    return math.log(kept / (1 - kept))
