"""The vocabulary: every feature LI-RADS v2018 knows, its values and the phases it is seen on. Data, no rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from abdominal_oncology.errors import InvalidInputError


class ImagedPhase(StrEnum):
    NONCONTRAST = "noncontrast"
    ARTERIAL = "arterial"
    PORTAL = "portal"
    DELAYED = "delayed"


class Aphe(StrEnum):
    """Arterial phase hyperenhancement: values of ``aphe``."""

    NONE = "none"
    NONRIM = "nonrim"
    RIM = "rim"


class Washout(StrEnum):
    """Values of ``washout``."""

    NONE = "none"
    NONPERIPHERAL = "nonperipheral"
    PERIPHERAL = "peripheral"


class Presence(StrEnum):
    """Values of every other feature."""

    ABSENT = "absent"
    PRESENT = "present"


class Group(StrEnum):
    """What a feature can do to the category."""

    QUALITY = "image quality"
    VEIN = "tumour in vein"
    BENIGN = "benign diagnosis"
    MAJOR = "major feature"
    TARGETOID = "targetoid, for LR-M"
    NONTARGETOID = "other feature of LR-M"
    MALIGNANCY = "ancillary, favours malignancy"
    HCC = "ancillary, favours HCC in particular"
    BENIGNITY = "ancillary, favours benignity"


class Feature(StrEnum):
    """Names for programs, files and the command line."""

    NOT_CATEGORISABLE = "not_categorisable"
    TUMOUR_IN_VEIN = "tumour_in_vein"
    DEFINITELY_BENIGN = "definitely_benign"
    PROBABLY_BENIGN = "probably_benign"

    APHE = "aphe"
    WASHOUT = "washout"
    CAPSULE = "capsule"
    THRESHOLD_GROWTH = "threshold_growth"

    DELAYED_CENTRAL_ENHANCEMENT = "delayed_central_enhancement"
    TARGETOID_DIFFUSION_RESTRICTION = "targetoid_diffusion_restriction"
    TARGETOID_HEPATOBILIARY = "targetoid_hepatobiliary"
    INFILTRATIVE = "infiltrative"
    MARKED_DIFFUSION_RESTRICTION = "marked_diffusion_restriction"
    NECROSIS = "necrosis"
    OTHER_NON_HCC_MALIGNANCY = "other_non_hcc_malignancy"

    ULTRASOUND_VISIBLE = "ultrasound_visible"
    SUBTHRESHOLD_GROWTH = "subthreshold_growth"
    CORONA_ENHANCEMENT = "corona_enhancement"
    FAT_SPARING = "fat_sparing"
    IRON_SPARING = "iron_sparing"
    DIFFUSION_RESTRICTION = "diffusion_restriction"
    MODERATE_T2_HYPERINTENSITY = "moderate_t2_hyperintensity"
    TRANSITIONAL_HYPOINTENSITY = "transitional_hypointensity"
    HEPATOBILIARY_HYPOINTENSITY = "hepatobiliary_hypointensity"

    NONENHANCING_CAPSULE = "nonenhancing_capsule"
    NODULE_IN_NODULE = "nodule_in_nodule"
    MOSAIC = "mosaic"
    FAT_IN_MASS = "fat_in_mass"
    BLOOD_PRODUCTS = "blood_products"

    SIZE_STABILITY = "size_stability"
    SIZE_REDUCTION = "size_reduction"
    PARALLELS_BLOOD_POOL = "parallels_blood_pool"
    UNDISTORTED_VESSELS = "undistorted_vessels"
    IRON_IN_MASS = "iron_in_mass"
    MARKED_T2_HYPERINTENSITY = "marked_t2_hyperintensity"
    HEPATOBILIARY_ISOINTENSITY = "hepatobiliary_isointensity"

    @classmethod
    def of(cls, name: Feature | str) -> Feature:
        """The feature of this name, hyphens allowed; a stranger is refused with the names that exist."""
        try:
            return cls(name.replace("-", "_"))
        except ValueError:
            known = ", ".join(each.value for each in cls)
            raise InvalidInputError(f"LI-RADS has no feature {name!r}", remedy=f"choose one of {known}") from None


A, P, D = ImagedPhase.ARTERIAL, ImagedPhase.PORTAL, ImagedPhase.DELAYED
BINARY = (Presence.ABSENT.value, Presence.PRESENT.value)


@dataclass(frozen=True)
class FeatureSpec:
    """``values[0]`` is what the feature counts as when it is absent, unsure or not assessable.

    ``phases`` are alternatives: the feature can be judged where every phase of at least one of them was imaged;
    ``best_phases`` is what it is judged on at its best. ``mr_only`` features come from an MR of the same observation.
    """

    title: str
    group: Group
    definition: str
    values: tuple[str, ...] = BINARY
    phases: tuple[frozenset[ImagedPhase], ...] = ()
    best_phases: frozenset[ImagedPhase] = frozenset()
    mr_only: bool = False

    @property
    def absent(self) -> str:
        return self.values[0]


def _late(title: str, definition: str, values: tuple[str, ...] = BINARY) -> FeatureSpec:
    return FeatureSpec(
        title, Group.MAJOR, definition, values, (frozenset({P}), frozenset({D})), best_phases=frozenset({P, D})
    )


_ARTERIAL = (frozenset({A}),)
_DELAYED = (frozenset({D}),)

FEATURES: Mapping[Feature, FeatureSpec] = MappingProxyType(
    {
        Feature.NOT_CATEGORISABLE: FeatureSpec(
            "cannot be categorised", Group.QUALITY, "images degraded or missing so that no category can be meant"
        ),
        Feature.TUMOUR_IN_VEIN: FeatureSpec(
            "tumour in vein", Group.VEIN, "unequivocal enhancing soft tissue in a vein, with or without a visible mass"
        ),
        Feature.DEFINITELY_BENIGN: FeatureSpec(
            "definitely benign", Group.BENIGN, "the reader is certain of a benign entity, such as a cyst"
        ),
        Feature.PROBABLY_BENIGN: FeatureSpec("probably benign", Group.BENIGN, "a benign entity is likely, not certain"),
        Feature.APHE: FeatureSpec(
            "arterial phase hyperenhancement",
            Group.MAJOR,
            "brighter than liver in the arterial phase, in whole or part (nonrim), or mostly at the border (rim)",
            tuple(each.value for each in Aphe),
            _ARTERIAL,
        ),
        Feature.WASHOUT: _late(
            "washout",
            "darker than liver in the portal venous or delayed phase after enhancing more; at its border: peripheral",
            tuple(each.value for each in Washout),
        ),
        Feature.CAPSULE: _late(
            "enhancing capsule",
            "smooth, uniform, sharp bright border around most of the observation in the portal venous or delayed phase",
        ),
        Feature.THRESHOLD_GROWTH: FeatureSpec(
            "threshold growth", Group.MAJOR, "size increase of a mass by at least 50 % in at most 6 months, on CT or MR"
        ),
        Feature.DELAYED_CENTRAL_ENHANCEMENT: FeatureSpec(
            "delayed central enhancement", Group.TARGETOID, "the centre brightens progressively", phases=_DELAYED
        ),
        Feature.TARGETOID_DIFFUSION_RESTRICTION: FeatureSpec(
            "targetoid diffusion restriction",
            Group.TARGETOID,
            "restricted diffusion mostly at the border",
            mr_only=True,
        ),
        Feature.TARGETOID_HEPATOBILIARY: FeatureSpec(
            "targetoid in the transitional or hepatobiliary phase",
            Group.TARGETOID,
            "dark border and milder darkness in the centre after gadoxetate",
            mr_only=True,
        ),
        Feature.INFILTRATIVE: FeatureSpec(
            "infiltrative appearance", Group.NONTARGETOID, "no circumscribed margin, permeating the liver"
        ),
        Feature.MARKED_DIFFUSION_RESTRICTION: FeatureSpec(
            "marked diffusion restriction", Group.NONTARGETOID, "on MR, more than mild", mr_only=True
        ),
        Feature.NECROSIS: FeatureSpec(
            "necrosis or severe ischaemia", Group.NONTARGETOID, "in an untreated mass, part does not enhance"
        ),
        Feature.OTHER_NON_HCC_MALIGNANCY: FeatureSpec(
            "other sign of non-HCC malignancy", Group.NONTARGETOID, "in the reader's judgement; name it in the note"
        ),
        Feature.ULTRASOUND_VISIBLE: FeatureSpec(
            "visible on ultrasound", Group.MALIGNANCY, "as a discrete nodule at the same place"
        ),
        Feature.SUBTHRESHOLD_GROWTH: FeatureSpec(
            "subthreshold growth", Group.MALIGNANCY, "unequivocal size increase of a mass, less than threshold growth"
        ),
        Feature.CORONA_ENHANCEMENT: FeatureSpec(
            "corona enhancement",
            Group.MALIGNANCY,
            "enhancement around the observation in the late arterial or early portal phase",
            phases=(frozenset({A}), frozenset({P})),
        ),
        Feature.FAT_SPARING: FeatureSpec(
            "fat sparing", Group.MALIGNANCY, "less fat in a solid mass than in steatotic liver around it"
        ),
        Feature.IRON_SPARING: FeatureSpec(
            "iron sparing", Group.MALIGNANCY, "less iron in a solid mass than in overloaded liver", mr_only=True
        ),
        Feature.DIFFUSION_RESTRICTION: FeatureSpec(
            "restricted diffusion", Group.MALIGNANCY, "not marked, not targetoid", mr_only=True
        ),
        Feature.MODERATE_T2_HYPERINTENSITY: FeatureSpec(
            "mild to moderate T2 hyperintensity",
            Group.MALIGNANCY,
            "brighter than liver, darker than bile",
            mr_only=True,
        ),
        Feature.TRANSITIONAL_HYPOINTENSITY: FeatureSpec(
            "transitional phase hypointensity", Group.MALIGNANCY, "after gadoxetate", mr_only=True
        ),
        Feature.HEPATOBILIARY_HYPOINTENSITY: FeatureSpec(
            "hepatobiliary phase hypointensity", Group.MALIGNANCY, "darker than liver", mr_only=True
        ),
        Feature.NONENHANCING_CAPSULE: FeatureSpec(
            "nonenhancing capsule", Group.HCC, "capsule appearance that does not enhance"
        ),
        Feature.NODULE_IN_NODULE: FeatureSpec(
            "nodule in nodule", Group.HCC, "a smaller nodule of different appearance within a larger one"
        ),
        Feature.MOSAIC: FeatureSpec(
            "mosaic architecture", Group.HCC, "random internal compartments of different appearance"
        ),
        Feature.FAT_IN_MASS: FeatureSpec("fat in mass", Group.HCC, "more than in the adjacent liver"),
        Feature.BLOOD_PRODUCTS: FeatureSpec(
            "blood products in mass", Group.HCC, "without biopsy, trauma or treatment to explain them"
        ),
        Feature.SIZE_STABILITY: FeatureSpec(
            "size stable for two years", Group.BENIGNITY, "no unequivocal change over at least 24 months, untreated"
        ),
        Feature.SIZE_REDUCTION: FeatureSpec(
            "size reduction", Group.BENIGNITY, "unequivocal, not explained by treatment or resorbed blood"
        ),
        Feature.PARALLELS_BLOOD_POOL: FeatureSpec(
            "parallels blood pool",
            Group.BENIGNITY,
            "enhances as the blood vessels in every phase",
            phases=(frozenset({A, P}), frozenset({A, D}), frozenset({P, D})),
        ),
        Feature.UNDISTORTED_VESSELS: FeatureSpec(
            "undistorted vessels", Group.BENIGNITY, "vessels cross without displacement or narrowing"
        ),
        Feature.IRON_IN_MASS: FeatureSpec(
            "iron in mass", Group.BENIGNITY, "more than in the liver around it", mr_only=True
        ),
        Feature.MARKED_T2_HYPERINTENSITY: FeatureSpec(
            "marked T2 hyperintensity", Group.BENIGNITY, "as bright as bile or fluid", mr_only=True
        ),
        Feature.HEPATOBILIARY_ISOINTENSITY: FeatureSpec(
            "hepatobiliary phase isointensity", Group.BENIGNITY, "as bright as liver", mr_only=True
        ),
    }
)


def features_of(*groups: Group) -> tuple[Feature, ...]:
    """In the vocabulary's order.

    >>> [str(each) for each in features_of(Group.MAJOR)]
    ['aphe', 'washout', 'capsule', 'threshold_growth']
    """
    return tuple(feature for feature, spec in FEATURES.items() if spec.group in groups)


def missing_phases(feature: Feature, imaged: frozenset[ImagedPhase]) -> tuple[ImagedPhase, ...]:
    """The phases to name where a feature cannot be judged for want of them; nothing where it can.

    >>> [str(each) for each in missing_phases(Feature.APHE, frozenset({ImagedPhase.PORTAL}))]
    ['arterial']
    """
    alternatives = FEATURES[feature].phases
    if not alternatives or any(needed <= imaged for needed in alternatives):
        return ()
    return tuple(sorted(frozenset[ImagedPhase]().union(*alternatives) - imaged, key=list(ImagedPhase).index))
