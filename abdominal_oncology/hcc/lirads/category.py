"""The algorithm: LR-NC → LR-TIV → LR-1 → LR-2 → LR-M → the table, then ancillary features, then tie-breaking.

A targetoid observation is LR-M whatever else it shows. The other features of LR-M (infiltrative, marked diffusion
restriction, necrosis …) make it LR-M only where the table does not say LR-5: the Core puts that into the criterion.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lirads.ancillary import adjust
from abdominal_oncology.hcc.lirads.features import Aphe, Feature, Washout
from abdominal_oncology.hcc.lirads.table import Category, look_up


class Step(StrEnum):
    """Where the category was decided."""

    QUALITY = "LR-NC"
    VEIN = "LR-TIV"
    DEFINITELY_BENIGN = "LR-1"
    PROBABLY_BENIGN = "LR-2"
    MALIGNANT = "LR-M"
    TABLE = "table"


@dataclass(frozen=True)
class Facts:
    """What the algorithm asks, each answered. ``targetoid`` is any targetoid sign beside rim APHE and washout."""

    size_mm: float | None
    aphe: Aphe = Aphe.NONE
    washout: Washout = Washout.NONE
    capsule: bool = False
    threshold_growth: bool = False
    not_categorisable: bool = False
    tumour_in_vein: bool = False
    definitely_benign: bool = False
    probably_benign: bool = False
    targetoid: bool = False
    nontargetoid: bool = False
    favours_malignancy: bool = False
    favours_benignity: bool = False

    @property
    def any_targetoid(self) -> bool:
        return self.targetoid or self.aphe is Aphe.RIM or self.washout is Washout.PERIPHERAL

    @property
    def additional(self) -> frozenset[Feature]:
        found = (
            (Feature.CAPSULE, self.capsule),
            (Feature.WASHOUT, self.washout is Washout.NONPERIPHERAL),
            (Feature.THRESHOLD_GROWTH, self.threshold_growth),
        )
        return frozenset(feature for feature, there in found if there)


@dataclass(frozen=True)
class Outcome:
    """``first`` is the category of step 1, ``adjusted`` after ancillary features, ``category`` after tie-breaking."""

    category: Category
    first: Category
    adjusted: Category
    step: Step


def decide(facts: Facts, torn_with: Category | None = None) -> Outcome:
    """Run the algorithm.

    >>> decide(Facts(21, Aphe.NONRIM, Washout.NONPERIPHERAL)).category.value
    'LR-5'
    """
    first, step = _first(facts)
    adjusted = adjust(first, facts.favours_malignancy, facts.favours_benignity)
    if torn_with is None or step is Step.QUALITY:
        return Outcome(adjusted, first, adjusted, step)
    return Outcome(break_tie(adjusted, torn_with), first, adjusted, step)


def break_tie(first: Category, second: Category) -> Category:
    """Step 3, where a reader hesitates between two categories: the one of lower certainty.

    Tumour in vein needs to be definite. Between HCC (LR-4, LR-5) and another malignancy: LR-M. On the scale, the one
    nearer to LR-3; from opposite sides of it, LR-3 itself. The rules are silent on LR-NC, which is not about certainty.

    >>> break_tie(Category.LR_5, Category.LR_M).value, break_tie(Category.LR_1, Category.LR_2).value
    ('LR-M', 'LR-2')
    """
    if first is second:
        return first
    if Category.LR_NC in (first, second):
        raise InvalidInputError(
            f"no tie can be broken between {first} and {second}",
            where="tie-breaking",
            remedy="decide first whether the images allow a category",
        )
    if Category.LR_TIV in (first, second):
        return second if first is Category.LR_TIV else first
    if Category.LR_M in (first, second):
        other = second if first is Category.LR_M else first
        return Category.LR_M if other in (Category.LR_4, Category.LR_5) else Category.LR_3
    a, b = first.number or 0, second.number or 0
    if (a - 3) * (b - 3) < 0:
        return Category.LR_3
    return first if abs(a - 3) < abs(b - 3) else second


def _first(facts: Facts) -> tuple[Category, Step]:
    if facts.not_categorisable:
        return Category.LR_NC, Step.QUALITY
    if facts.tumour_in_vein:
        return Category.LR_TIV, Step.VEIN
    if facts.definitely_benign:
        return Category.LR_1, Step.DEFINITELY_BENIGN
    if facts.probably_benign:
        return Category.LR_2, Step.PROBABLY_BENIGN
    if facts.any_targetoid:
        return Category.LR_M, Step.MALIGNANT
    if facts.size_mm is None:
        raise InvalidInputError(
            "without a size the diagnostic table cannot be read", where="size_mm", remedy="give the diameter in mm"
        )
    category = look_up(facts.aphe, facts.size_mm, facts.additional)
    if facts.nontargetoid and category is not Category.LR_5:
        return Category.LR_M, Step.MALIGNANT
    return category, Step.TABLE
