"""Step 2: ancillary features. They move a category by one at most, never up to LR-5, and not where they conflict."""

from __future__ import annotations

from abdominal_oncology.hcc.lirads.features import Group, features_of
from abdominal_oncology.hcc.lirads.table import Category

FAVOURING_MALIGNANCY = features_of(Group.MALIGNANCY, Group.HCC)
FAVOURING_BENIGNITY = features_of(Group.BENIGNITY)
HIGHEST_BY_UPGRADE = 4


def adjust(category: Category, malignancy: bool, benignity: bool) -> Category:
    """LR-1 to LR-5 with at least one ancillary feature of either kind; other categories stay as they are.

    >>> adjust(Category.LR_3, malignancy=True, benignity=False).value
    'LR-4'
    >>> adjust(Category.LR_4, malignancy=True, benignity=False).value
    'LR-4'
    """
    number = category.number
    if number is None or malignancy == benignity:
        return category
    if malignancy:
        return Category.of_number(max(number, min(number + 1, HIGHEST_BY_UPGRADE)))
    return Category.of_number(max(number - 1, 1))
