"""The category as a probability: every uncertain feature and the uncertain size summed over, exactly.

Features are taken as independent of one another given the size; the growth features follow from the size. Inside the
cells between two limits (10 and 20 mm, and those of growth) nothing changes, so the size needs no more than the normal
distribution's weight of each cell. Ancillary and LR-M features matter only as "at least one", which is a product.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import erf, inf, prod, sqrt

from abdominal_oncology.hcc.lirads.ancillary import FAVOURING_BENIGNITY, FAVOURING_MALIGNANCY
from abdominal_oncology.hcc.lirads.category import Facts, decide
from abdominal_oncology.hcc.lirads.facts import NONTARGETOID, TARGETOID, unassessable
from abdominal_oncology.hcc.lirads.features import Aphe, Feature, Presence, Washout
from abdominal_oncology.hcc.lirads.growth import growth_limits_mm
from abdominal_oncology.hcc.lirads.observation import Observation
from abdominal_oncology.hcc.lirads.resolve import Resolved, resolve
from abdominal_oncology.hcc.lirads.table import SIZE_LIMITS_MM, Category


@dataclass(frozen=True)
class Distribution:
    """Over all categories, in their order; sums to 1."""

    probabilities: Mapping[Category, float]

    @property
    def most_likely(self) -> Category:
        return max(self.probabilities, key=lambda each: self.probabilities[each])

    @property
    def score(self) -> float | None:
        """Mean of category / 5 over LR-1 to LR-5; None where those together are impossible."""
        on_scale = [(each.score, p) for each, p in self.probabilities.items() if each.score is not None]
        weight = sum(p for _, p in on_scale)
        return sum(score * p for score, p in on_scale) / weight if weight > 0 else None


def category_distribution(observation: Observation) -> Distribution:
    """Probabilities of the categories, whatever the population says.

    >>> from abdominal_oncology.hcc.lirads.assessment import measured, seen
    >>> seen_so = {Feature.APHE: seen("nonrim"), Feature.WASHOUT: measured(Feature.WASHOUT, {"nonperipheral": 0.8})}
    >>> {c.value: round(p, 3) for c, p in category_distribution(Observation(15, seen_so)).probabilities.items() if p}
    {'LR-3': 0.2, 'LR-5': 0.8}
    """
    found = dict.fromkeys(Category, 0.0)
    for weight, size_mm in size_cells(observation):
        resolved = resolve(observation, size_mm)
        for p, facts in _worlds(resolved, size_mm, observation.use_ancillary):
            found[decide(facts, observation.torn_with).category] += weight * p
    total = sum(found.values())
    return Distribution({category: p / total for category, p in found.items()})


def size_cells(observation: Observation) -> list[tuple[float, float | None]]:
    """(weight, a size inside) of each cell; sizes are above 0, so the normal distribution is cut off there."""
    size, sd = observation.size_mm, observation.size_sd_mm
    if size is None or sd == 0:
        return [(1.0, size)]
    limits = [0.0, *sorted({*SIZE_LIMITS_MM, *growth_limits_mm(observation.priors)}), inf]
    cells: list[tuple[float, float | None]] = []
    for low, high in pairwise(limits):
        weight = _below((high - size) / sd) - _below((low - size) / sd)
        if weight > 0:
            cells.append((weight, low + 1.0 if high == inf else (low + high) / 2))
    total = sum(weight for weight, _ in cells)
    return [(weight / total, inside) for weight, inside in cells]


def _worlds(
    resolved: Mapping[Feature, Resolved], size_mm: float | None, use_ancillary: bool
) -> Iterator[tuple[float, Facts]]:
    """Every way things can be, with its probability; what a later step asks is left open where an earlier decides."""

    def one(feature: Feature) -> float:
        return resolved[feature].probabilities.get(Presence.PRESENT.value, 0.0)

    def any_of(features: Iterable[Feature]) -> float:
        return 1 - prod(1 - one(feature) for feature in features)

    aphe, washout = resolved[Feature.APHE].probabilities, resolved[Feature.WASHOUT].probabilities
    targetoid = 1 - (1 - any_of(TARGETOID)) * (1 - aphe.get(Aphe.RIM, 0.0)) * (1 - washout.get(Washout.PERIPHERAL, 0.0))
    early = (
        (1.0 if unassessable(resolved) else one(Feature.NOT_CATEGORISABLE), Facts(size_mm, not_categorisable=True)),
        (one(Feature.TUMOUR_IN_VEIN), Facts(size_mm, tumour_in_vein=True)),
        (one(Feature.DEFINITELY_BENIGN), Facts(size_mm, definitely_benign=True)),
        (one(Feature.PROBABLY_BENIGN), Facts(size_mm, probably_benign=True)),
        (targetoid, Facts(size_mm, targetoid=True)),
    )
    left = 1.0
    cases: list[tuple[float, Facts]] = []
    for p, facts in early:
        cases.append((left * p, facts))
        left *= 1 - p
    if left > 0:
        cases += [(left * p, facts) for p, facts in _table_worlds(resolved, size_mm, any_of(NONTARGETOID))]
    malignancy = _yes_or_no(any_of(FAVOURING_MALIGNANCY) if use_ancillary else 0.0)
    benignity = _yes_or_no(any_of(FAVOURING_BENIGNITY) if use_ancillary else 0.0)
    for (p, facts), (up, p_up), (down, p_down) in product(cases, malignancy, benignity):
        if p > 0:
            yield p * p_up * p_down, replace(facts, favours_malignancy=up, favours_benignity=down)


def _table_worlds(
    resolved: Mapping[Feature, Resolved], size_mm: float | None, nontargetoid: float
) -> Iterator[tuple[float, Facts]]:
    """Given that nothing is targetoid."""
    aphe = _given_not_targetoid(resolved, Feature.APHE, Aphe.NONE, Aphe.NONRIM)
    washout = _given_not_targetoid(resolved, Feature.WASHOUT, Washout.NONE, Washout.NONPERIPHERAL)
    capsule = _yes_or_no(resolved[Feature.CAPSULE].probabilities[Presence.PRESENT])
    growth = _yes_or_no(resolved[Feature.THRESHOLD_GROWTH].probabilities[Presence.PRESENT])
    for (a, p_a), (w, p_w) in product(aphe, washout):
        for (c, p_c), (g, p_g), (n, p_n) in product(capsule, growth, _yes_or_no(nontargetoid)):
            facts = Facts(size_mm, Aphe(a), Washout(w), capsule=c, threshold_growth=g, nontargetoid=n)
            yield p_a * p_w * p_c * p_g * p_n, facts


def _given_not_targetoid(
    resolved: Mapping[Feature, Resolved], feature: Feature, *values: str
) -> list[tuple[str, float]]:
    known = [(value, resolved[feature].probabilities.get(value, 0.0)) for value in values]
    total = sum(p for _, p in known)
    return [(value, p / total) for value, p in known if p > 0]


def _yes_or_no(p: float) -> list[tuple[bool, float]]:
    return [(there, q) for there, q in ((True, p), (False, 1 - p)) if q > 0]


def _below(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))
