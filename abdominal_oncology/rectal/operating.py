"""Operating points: from which T3 probability on a tumour is called T3, and how often that was right on held-out cases.

A bundle carries the table of :func:`operating_table` in its ``decision``, measured once, when it is packed; choosing a
sensitivity later reads it and measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from abdominal_oncology.errors import InvalidInputError, UnreadableFileError
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.metrics import Floats, Predictions

POINTS, ROC, CASES = "operating_points", "roc", "cases"
DEFAULT = "default"
NAMED_SENSITIVITIES = (0.80, 0.85, 0.90, 0.95)

_EVEN = 0.5
_STEPS = 100
"""The curve is kept at every hundredth of sensitivity: held-out cases are not so many that more would mean anything."""


@dataclass(frozen=True)
class OperatingPoint:
    """T3 is called from ``threshold`` on. ``sensitivity`` is of T3, ``specificity`` the share of T2 called T2, both as
    measured on the bundle's held-out cases; None where the bundle does not say.
    """

    name: str
    threshold: float
    sensitivity: float | None = None
    specificity: float | None = None

    def describe(self) -> str:
        """
        >>> OperatingPoint("sensitivity 0.90", 0.31, 0.904, 0.62).describe()
        'operating point sensitivity 0.90: T3 from probability 0.31 on (held-out cases: T3 found 90 %, T2 kept 62 %)'
        """
        text = f"operating point {self.name}: T3 from probability {self.threshold:.2f} on"
        if self.sensitivity is None or self.specificity is None:
            return text
        return f"{text} (held-out cases: T3 found {self.sensitivity:.0%}, T2 kept {self.specificity:.0%})".replace(
            "%", " %"
        )


def operating_table(predictions: Predictions, default: float = _EVEN) -> dict[str, Any]:
    """What a bundle's ``decision`` says: named thresholds, the curve they were read from, and on how many cases.

    ``predictions`` are calibrated and of cases that the network never saw, classes T2 and T3. ``roc`` rows are
    (threshold, sensitivity of T3, specificity), the sensitivity rising.

    >>> p = Predictions([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]], [0, 0, 1, 1], "abcd", ("T2", "T3"))
    >>> operating_table(p)["operating_points"]["sensitivity 0.95"]
    0.3
    """
    if len(predictions.classes) != 2:
        raise InvalidInputError(f"an operating point parts two classes, not {len(predictions.classes)}")
    scores = predictions.probabilities[:, 1]
    found, kept = np.sort(scores[predictions.truth == 1]), np.sort(scores[predictions.truth == 0])
    if not found.size or not kept.size:
        raise InvalidInputError(
            "operating points need held-out cases of both stages", remedy="hold out more cases, of T2 and of T3"
        )
    if not 0 < default < 1:
        raise InvalidInputError(f"a threshold lies between 0 and 1, not at {default:g}")
    # the highest threshold that still finds so many is always the score of a T3 case
    wanted = np.ceil(np.arange(1, _STEPS + 1) / _STEPS * len(found) - 1e-9).astype(int)
    rows = [_row(float(found[-count]), found, kept) for count in np.unique(wanted)]
    named = {_name(each): _reaching(rows, each)[0] for each in NAMED_SENSITIVITIES}
    return {
        POINTS: {DEFAULT: default, **named},
        ROC: rows,
        CASES: dict(zip(predictions.classes, (len(kept), len(found)), strict=True)),
        DEFAULT: _row(default, found, kept),
    }


def operating_point(
    facts: BundleFacts, sensitivity: float | None = None, threshold: float | None = None
) -> OperatingPoint:
    """The bundle's default, the highest threshold that found ``sensitivity`` of the held-out T3, or a chosen one."""
    if sensitivity is not None and threshold is not None:
        raise InvalidInputError("a sensitivity and a threshold were both given", remedy="choose one of them")
    table = facts.decision
    if threshold is not None:
        if not 0 < threshold < 1:
            raise InvalidInputError(f"a threshold lies between 0 and 1, not at {threshold:g}")
        return OperatingPoint("as asked for", float(threshold))
    if sensitivity is None:
        value = float(_table(table, POINTS, facts.name).get(DEFAULT, _EVEN))
        measured = table.get(DEFAULT)
        return OperatingPoint(DEFAULT, value, *(_rows([measured], facts.name)[0][1:] if measured else ()))
    if not 0 < sensitivity <= 1:
        raise InvalidInputError(f"a sensitivity is a share, above 0 and up to 1, not {sensitivity:g}")
    rows = _rows(table.get(ROC, ()), facts.name)
    if not rows:
        raise InvalidInputError(
            "this bundle does not say how sensitive it is at which threshold",
            where=facts.name,
            remedy="use its default operating point, or name a threshold",
        )
    return OperatingPoint(_name(sensitivity), *_reaching(rows, sensitivity))


def threshold_for(facts: BundleFacts, sensitivity: float | None = None) -> float:
    """The T3 probability from which a tumour is called T3."""
    return operating_point(facts, sensitivity).threshold


def _row(threshold: float, found: Floats, kept: Floats) -> list[float]:
    threshold = float(np.floor(threshold * 1e6) / 1e6)  # rounded down, so that the case itself still reaches it
    return [threshold, round(float((found >= threshold).mean()), 4), round(float((kept < threshold).mean()), 4)]


def _reaching(rows: Sequence[Sequence[float]], sensitivity: float) -> Sequence[float]:
    """The first row of a rising curve that finds so many; the last one finds all."""
    return next((row for row in rows if row[1] >= sensitivity - 5e-5), rows[-1])


def _rows(rows: Any, where: str) -> list[tuple[float, float, float]]:
    try:
        return sorted(((float(a), float(b), float(c)) for a, b, c in rows), key=lambda row: (row[1], -row[0]))
    except (TypeError, ValueError) as error:
        raise UnreadableFileError(f"the bundle's operating points cannot be read: {error}", where=where) from error


def _table(decision: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    found = decision.get(key, {})
    if not isinstance(found, Mapping):
        raise UnreadableFileError(f"the bundle's {key!r} is not a table", where=where)
    return found


def _name(sensitivity: float) -> str:
    return f"sensitivity {sensitivity:.2f}"
