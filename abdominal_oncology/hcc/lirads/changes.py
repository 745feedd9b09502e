"""What would change the category: one thing different at a time, everything else as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lirads.category import Facts, Outcome, decide
from abdominal_oncology.hcc.lirads.features import Aphe, Washout
from abdominal_oncology.hcc.lirads.table import SIZE_LIMITS_MM, Category, at_least

APHE_TITLES = ((Aphe.NONE, "without APHE"), (Aphe.NONRIM, "with nonrim APHE"), (Aphe.RIM, "with rim APHE"))
WASHOUT_TITLES = (
    (Washout.NONE, "without washout"),
    (Washout.NONPERIPHERAL, "with washout"),
    (Washout.PERIPHERAL, "with peripheral washout"),
)


@dataclass(frozen=True)
class Change:
    """``if_`` completes "with …, the category would be …"."""

    if_: str
    category: Category

    def __str__(self) -> str:
        return f"{self.if_} → {self.category}"


def what_would_change(
    facts: Facts, use_ancillary: bool = True, torn_with: Category | None = None
) -> tuple[Change, ...]:
    """Every single difference that gives another category; with the difference a reader is torn no more.

    >>> facts = Facts(15, Aphe.NONRIM, capsule=True)
    >>> [str(change) for change in what_would_change(facts)][:3]
    ['without APHE → LR-3', 'with rim APHE → LR-M', 'with washout → LR-5']
    """
    now = decide(facts, torn_with).category
    found = [] if torn_with is None else [Change("without the doubt", decide(facts).category)]
    found = [change for change in found if change.category is not now]
    for title, other in _variants(facts, use_ancillary):
        outcome = _decided(other)
        if outcome is not None and outcome.category is not now:
            found.append(Change(title, outcome.category))
    return tuple(found)


def _decided(facts: Facts) -> Outcome | None:
    try:
        return decide(facts)
    except InvalidInputError:  # no size: what the table would say cannot be told
        return None


def _variants(facts: Facts, use_ancillary: bool) -> Iterator[tuple[str, Facts]]:
    yield from ((title, replace(facts, aphe=aphe)) for aphe, title in APHE_TITLES if aphe is not facts.aphe)
    yield from ((title, replace(facts, washout=each)) for each, title in WASHOUT_TITLES if each is not facts.washout)
    yield _toggled("enhancing capsule", facts.capsule), replace(facts, capsule=not facts.capsule)
    grown = facts.threshold_growth
    yield _toggled("threshold growth", grown), replace(facts, threshold_growth=not grown)
    if facts.size_mm is not None:
        limits = (0.0, *SIZE_LIMITS_MM, inf)
        for low, high in pairwise(limits):
            if at_least(facts.size_mm, low) and not at_least(facts.size_mm, high):
                continue
            within = "below" if low == 0 else "at" if high == inf else "between"
            title = {
                "below": f"below {high:g} mm",
                "at": f"at {low:g} mm or more",
                "between": f"at {low:g} to below {high:g} mm",
            }[within]
            yield title, replace(facts, size_mm=low if low else high / 2)
    if facts.nontargetoid:
        yield "without the other features of LR-M", replace(facts, nontargetoid=False)
    else:
        yield "with infiltrative appearance, necrosis or the like", replace(facts, nontargetoid=True)
    if facts.targetoid:
        yield "without the other targetoid features", replace(facts, targetoid=False)
    yield (
        _toggled("definite tumour in vein", facts.tumour_in_vein),
        replace(facts, tumour_in_vein=not facts.tumour_in_vein),
    )
    if use_ancillary:
        malignancy, benignity = facts.favours_malignancy, facts.favours_benignity
        yield _ancillary("malignancy", malignancy), replace(facts, favours_malignancy=not malignancy)
        yield _ancillary("benignity", benignity), replace(facts, favours_benignity=not benignity)


def _ancillary(title: str, there: bool) -> str:
    return f"without ancillary features of {title}" if there else f"with an ancillary feature of {title}"


def _toggled(title: str, there: bool) -> str:
    return f"without {title}" if there else f"with {title}"
