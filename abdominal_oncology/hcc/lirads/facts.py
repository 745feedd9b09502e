"""From resolved features to the answers that the algorithm asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from abdominal_oncology.hcc.lirads.ancillary import FAVOURING_BENIGNITY, FAVOURING_MALIGNANCY
from abdominal_oncology.hcc.lirads.assessment import Certainty
from abdominal_oncology.hcc.lirads.category import Facts
from abdominal_oncology.hcc.lirads.features import Aphe, Feature, Group, Washout, features_of
from abdominal_oncology.hcc.lirads.resolve import Resolved

TARGETOID = features_of(Group.TARGETOID)
NONTARGETOID = features_of(Group.NONTARGETOID)
NEEDED = (Feature.APHE, Feature.WASHOUT)
"""Where one of these cannot be assessed at all, no category can be meant. A capsule alone may be missing."""


def unassessable(resolved: Mapping[Feature, Resolved]) -> tuple[Resolved, ...]:
    """Why the observation cannot be categorised for want of images; nothing where it can."""
    return tuple(resolved[each] for each in NEEDED if resolved[each].certainty is Certainty.NOT_ASSESSABLE)


def facts_of(resolved: Mapping[Feature, Resolved], size_mm: float | None, use_ancillary: bool) -> Facts:
    def there(features: Iterable[Feature]) -> bool:
        return any(resolved[feature].present for feature in features)

    return Facts(
        size_mm,
        aphe=Aphe(resolved[Feature.APHE].value),
        washout=Washout(resolved[Feature.WASHOUT].value),
        capsule=resolved[Feature.CAPSULE].present,
        threshold_growth=resolved[Feature.THRESHOLD_GROWTH].present,
        not_categorisable=resolved[Feature.NOT_CATEGORISABLE].present or bool(unassessable(resolved)),
        tumour_in_vein=resolved[Feature.TUMOUR_IN_VEIN].present,
        definitely_benign=resolved[Feature.DEFINITELY_BENIGN].present,
        probably_benign=resolved[Feature.PROBABLY_BENIGN].present,
        targetoid=there(TARGETOID),
        nontargetoid=there(NONTARGETOID),
        favours_malignancy=use_ancillary and there(FAVOURING_MALIGNANCY),
        favours_benignity=use_ancillary and there(FAVOURING_BENIGNITY),
    )
