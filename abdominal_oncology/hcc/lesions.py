"""Focal liver lesions that can be painted over any anatomy at any second after the injection.

A lesion's numbers are drawn once, for one patient; its picture then follows from the time. Classes overlap as measured
on real scans: an HCC may lack hyperenhancement or washout, a metastasis may show both.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lesion_kinds import (
    OTHER_SHARES,
    RECIPES,
    SIGN_HU,
    LesionKind,
    Recipe,
    Signs,
    SizeSet,
    size_moments,
)
from abdominal_oncology.hcc.lesion_shape import Floats, LesionShape, RandomField
from abdominal_oncology.phantom.enhancement import ARRIVAL_SECONDS
from abdominal_oncology.phantom.physiology import Patient

REFERENCE_SECONDS = {"arterial": 40.0, "portal": 75.0, "delayed": 180.0}
"""When the phases of the published figures are taken."""

SMALLEST_MM, LARGEST_MM = 5.0, 150.0
_PHASES = ("arterial", "portal", "delayed")
# what a reader calls brighter or darker than liver (HU); below, noise hides it
_BRIGHT_HU, _WASHOUT_HU = 12.0, 8.0
# The measured figures are of HCC of 39 mm in the median, whose whole is no brighter than liver in the arterial phase.
# Small ones are supplied by arteries nearly throughout: readers see hyperenhancement in about three of four. What looks
# like an HCC follows its size in the same way.
_SMALL_HCC_LIFT_HU = 24.0
_LARGE_HCC_SPREAD_HU = 12.0  # their supply varies more: portal minus arterial has a spread of 18 HU on patients
_CAPSULE_MM, _CAPSULE_EDGE_MM, _CAPSULE_LIFT_HU = (1.3, 3.2), 0.6, (14.0, 38.0)


@dataclass(frozen=True)
class Uptake:
    """HU of one part of a lesion: without contrast, late arterial, portal venous, 3 minutes."""

    plain: float
    arterial: float
    portal: float
    delayed: float

    def hu(self, seconds: float | None, patient: Patient) -> float:
        """HU ``seconds`` after the injection began, on the patient's own clock (a slow heart delays everything)."""
        if seconds is None:
            return self.plain
        own = ARRIVAL_SECONDS + (seconds - patient.arrival_seconds) / patient.stretch
        late = self.plain + 0.62 * (self.delayed - self.plain)
        knots = (0.0, 14.0, 26.0, 40.0, 75.0, 180.0, 450.0, 1800.0)
        early = self.plain + 0.45 * (self.arterial - self.plain)
        values = (self.plain, self.plain, early, self.arterial, self.portal, self.delayed, late, self.plain)
        return float(np.interp(own, knots, values))


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion in one patient; an :class:`~abdominal_oncology.phantom.result.Insert`.

    ``core`` is the tissue, ``rim_hu`` the shell's excess in the three phases over ``rim_mm``; ``capsule`` a thin
    bright shell or None; ``fill`` the blood that fills a haemangioma from its edge, or None; ``grain_hu`` the spread
    inside; ``mosaic`` HU offsets of nodules around ``seeds_mm``; ``necrosis`` the share of dead tissue.
    """

    name: str
    kind: LesionKind
    patient: Patient
    shape: LesionShape
    core: Uptake
    grain_hu: float
    fields: tuple[RandomField, RandomField, RandomField]
    rim_hu: tuple[float, float, float]
    rim_mm: float
    capsule: Uptake | None
    capsule_mm: float
    fill: Uptake | None
    flash: bool
    necrosis: float
    scar: Uptake | None
    seeds_mm: Floats
    mosaic: Floats
    edge_mm: float
    features: dict[str, Any] = field(default_factory=dict)

    @property
    def is_hcc(self) -> bool:
        return self.kind is LesionKind.HCC

    @property
    def size_mm(self) -> float:
        """Largest diameter, outer edge to outer edge."""
        return self.shape.size_mm

    @property
    def box_mm(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Corners (x, y, z) outside which the lesion changes nothing."""
        surface = self.shape.surface_mm() + np.asarray(self.shape.centre_mm)
        margin = self.edge_mm + 0.04 * self.size_mm
        low, high = surface.min(axis=0) - margin, surface.max(axis=0) + margin
        return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))

    def paint(
        self, hu: NDArray[np.float32], points_mm: NDArray[np.float32], seconds: float | None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """New HU and mask for a block whose voxels lie at ``points_mm`` (…, 3), LPS anatomy coordinates."""
        result = np.array(hu, dtype=np.float32)
        mask = np.zeros(result.shape, np.bool_)
        centre = np.asarray(self.shape.centre_mm, np.float32)
        reach = self.size_mm / 2 * 1.25 + self.edge_mm
        near = np.square(points_mm - centre).sum(axis=-1) < np.float32(reach * reach)
        if not near.any():
            return result, mask
        points = points_mm[near]
        depth, radius = self.shape.depth(points)
        cover = np.clip(depth / np.float32(self.edge_mm) + 0.5, 0, 1)
        kept = cover > 0
        tissue = np.zeros(depth.shape, np.float32)
        tissue[kept] = self._tissue(points[kept], depth[kept], radius[kept], seconds)
        result[near] += cover * (tissue - result[near])
        mask[near] = depth > 0
        return result, mask

    def _tissue(self, points: Floats, depth: Floats, radius: Floats, seconds: float | None) -> Floats:
        weights = self._phase_weights(seconds)
        first, second, third = (each(points) for each in self.fields)
        grain = weights[0] * first + (0.75 * weights[1] + 0.55 * weights[2]) * first
        grain = grain + 0.66 * weights[1] * second + weights[2] * (0.5 * second + 0.66 * third)
        if weights.sum() == 0:
            grain = 0.5 * third
        amount = self.grain_hu * (0.35 + 0.65 * min(1.0, float(weights.sum()) or 0.0))
        if len(self.mosaic):
            grain = 0.55 * grain + 0.85 * self.mosaic[cKDTree(self.seeds_mm).query(points)[1]]
        hu = self.core.hu(seconds, self.patient) + np.float32(amount) * grain
        rim = float(np.dot(weights, self.rim_hu))
        if rim:
            hu += np.float32(rim) * np.clip((self.rim_mm - depth) / (0.5 * self.rim_mm) + 0.5 + 0.35 * second, 0, 1)
        if self.fill is not None:
            front = self._front(seconds)
            behind = 1 - radius + np.float32(0.16 if not self.flash else 0.02) * (first + 0.4 * second)
            filled = np.clip((np.float32(front) - behind) / 0.08 + 0.5, 0, 1)
            hu += filled * (np.float32(self.fill.hu(seconds, self.patient)) - hu)
        if self.scar is not None:
            star = np.clip((0.26 + 0.08 * second - radius) / 0.06 + 0.5, 0, 1)
            hu += star * (np.float32(self.scar.hu(seconds, self.patient)) - hu)
        if self.necrosis:
            level = np.float32(1.6 * (0.5 - self.necrosis) + 0.6)
            dead = np.clip((third + 0.8 * (0.75 - radius) - level) / 0.25, 0, 1) * (depth > 2.0)
            hu += dead * (np.float32(28) + 4 * first - hu)
        if self.capsule is not None:
            shell = np.clip((self.capsule_mm - depth) / _CAPSULE_EDGE_MM + 0.5, 0, 1)
            bright = np.float32(self.capsule.hu(seconds, self.patient))
            hu += shell * np.maximum(bright - hu, 0)
        tissue: Floats = hu.astype(np.float32, copy=False)
        return tissue

    def _phase_weights(self, seconds: float | None) -> Floats:
        """How arterial, portal and delayed the moment is (they sum to 1 once contrast has come)."""
        if seconds is None:
            return np.zeros(3, np.float32)
        own = ARRIVAL_SECONDS + (seconds - self.patient.arrival_seconds) / self.patient.stretch
        come = float(np.clip((own - 14) / 14, 0, 1))
        knots = [REFERENCE_SECONDS[phase] for phase in _PHASES]
        return np.array([come * np.interp(own, knots, row) for row in np.eye(3)], np.float32)

    def _front(self, seconds: float | None) -> float:
        """How far (share of the radius) blood has filled a haemangioma from its edge."""
        if seconds is None:
            return -1.0
        own = ARRIVAL_SECONDS + (seconds - self.patient.arrival_seconds) / self.patient.stretch
        if self.flash:
            return float(np.interp(own, (14, 30, 40), (-1.0, 0.3, 1.5)))
        pace = (22 / max(self.size_mm, 8.0)) ** 0.5
        return float(np.interp(own, (16, 40, 75, 180, 500), (-0.3, 0.12, 0.12 + 0.25 * pace, 0.12 + 0.65 * pace, 1.6)))

    @property
    def truth(self) -> dict[str, Any]:
        """Plain values for a truth record."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "is_hcc": self.is_hcc,
            "size_mm": self.size_mm,
            "volume_ml": self.shape.volume_mm3 / 1000,
            "centre_mm": list(self.shape.centre_mm),
            "features": dict(self.features),
        }


def check_size(size_mm: float, slack: float = 1.0) -> None:
    """Refuse a diameter that no lesion here has."""
    if not SMALLEST_MM / slack <= size_mm <= LARGEST_MM * slack:
        raise InvalidInputError(
            f"a lesion of {size_mm} mm cannot be made", remedy=f"choose {SMALLEST_MM:g} to {LARGEST_MM:g} mm"
        )


def draw_kind(rng: np.random.Generator, is_hcc: bool | None = None) -> LesionKind:
    """HCC or one of the others, in the shares of the source study (161 of 244 are HCC)."""
    if is_hcc if is_hcc is not None else rng.random() < 161 / 244:
        return LesionKind.HCC
    return list(OTHER_SHARES)[int(rng.choice(len(OTHER_SHARES), p=list(OTHER_SHARES.values())))]


def draw_size(rng: np.random.Generator, is_hcc: bool, size_set: SizeSet | str = SizeSet.SMALL) -> float:
    """A largest diameter in mm, lognormal with the set's mean and standard deviation."""
    mean, sd = size_moments(size_set, is_hcc)
    sigma = np.sqrt(np.log(1 + (sd / mean) ** 2))
    return float(np.clip(np.exp(rng.normal(np.log(mean) - sigma**2 / 2, sigma)), SMALLEST_MM, LARGEST_MM))


def draw_lesion(
    rng: np.random.Generator,
    patient: Patient,
    kind: LesionKind | str,
    *,
    size_mm: float,
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    name: str = "lesion_1",
    grain_hu: float | None = None,
) -> Lesion:
    """A lesion of ``kind`` for ``patient``; ``centre_mm`` in LPS anatomy coordinates.

    ``grain_hu`` is the spread inside it; None draws what was measured on large lesions of its kind.

    >>> generator = np.random.default_rng(2)
    >>> lesion = draw_lesion(generator, Patient.sample(generator), "cyst", size_mm=20.0)
    >>> lesion.is_hcc, lesion.features["aphe"]
    (False, 'none')
    """
    kind = LesionKind.of(kind)
    check_size(size_mm, slack=1.3)  # anatomy coordinates may be those of a smaller or larger body
    recipe = RECIPES[kind]
    irregularity = max(0.01, float(rng.normal(*recipe.irregularity)))
    shape = LesionShape.draw(rng, centre_mm, size_mm, irregularity)
    liver = _liver(patient)
    signs = _signs(rng, recipe)
    core = _core(rng, recipe, liver, signs, size_mm)
    length = float(np.clip(size_mm / 7, 1.8, 6.0)) * float(rng.uniform(0.8, 1.3))
    fields = (RandomField.draw(rng, length), RandomField.draw(rng, length), RandomField.draw(rng, length))
    hypervascular = kind is LesionKind.METASTASIS and rng.random() < 0.22
    if hypervascular:  # of neuroendocrine or renal origin: it behaves like an HCC
        lift = float(rng.normal(38, 12))
        core = replace(core, arterial=core.arterial + lift, portal=core.portal + 0.45 * lift)
    has_rim = not hypervascular and rng.random() < recipe.rim_share
    strength = float(rng.uniform(0.5, 1.4))
    capsule_share = float(signs[2]) if signs else recipe.capsule_share
    seeds, mosaic = _nodules(rng, shape, recipe.mosaic_share * min(1.0, size_mm / 28))
    lesion = Lesion(
        name,
        kind,
        patient,
        shape,
        core,
        max(1.0, float(rng.normal(*recipe.grain_hu))) if grain_hu is None else grain_hu,
        fields,
        (recipe.rim_hu[0] * strength, recipe.rim_hu[1] * strength, recipe.rim_hu[2] * strength)
        if has_rim
        else (0.0, 0.0, 0.0),
        float(np.clip(rng.normal(0.085, 0.02) * size_mm, 1.2, 6.0)),
        _capsule(rng, liver) if rng.random() < capsule_share * min(1.0, size_mm / 14) else None,
        float(rng.uniform(*_CAPSULE_MM)),
        _blood(rng, patient) if recipe.fills_in else None,
        bool(recipe.fills_in and rng.random() < (0.4 if size_mm < 15 else 0.08)),
        float(rng.uniform(0.1, 0.45)) if rng.random() < recipe.necrosis_share * min(1.0, (size_mm / 40) ** 2) else 0.0,
        Uptake(42, 62, 82, 108) if size_mm > 22 and rng.random() < recipe.scar_share else None,
        seeds,
        mosaic,
        max(0.4, float(rng.normal(*recipe.edge_mm))),
    )
    return replace(lesion, features=_features(lesion, liver, np.random.default_rng(rng.integers(2**63))))


def _liver(patient: Patient) -> Uptake:
    times = [None, *(REFERENCE_SECONDS[phase] for phase in _PHASES)]
    return Uptake(*(patient.hu("liver", _own_to_clock(patient, time)) for time in times))


def _own_to_clock(patient: Patient, own: float | None) -> float | None:
    return None if own is None else patient.arrival_seconds + (own - ARRIVAL_SECONDS) * patient.stretch


def _signs(rng: np.random.Generator, recipe: Recipe) -> Signs | None:
    """One of the recipe's combinations; None for a kind that has no HU of its own for them."""
    if not recipe.signs:
        return None
    shares, combinations = zip(*recipe.signs, strict=True)
    chosen: Signs = combinations[int(rng.choice(len(shares), p=shares))]
    return chosen


def _core(rng: np.random.Generator, recipe: Recipe, liver: Uptake, signs: Signs | None, size_mm: float) -> Uptake:
    """The tissue's HU: shared luck in all phases, partly the liver's own deviation, its signs, the rest free."""
    average = Uptake(57, 76, 108, 86)
    common, free = rng.normal(), rng.normal(size=4)
    rho = recipe.phase_correlation
    score = np.sqrt(rho) * common + np.sqrt(1 - rho) * free
    values = []
    for n, (phase, typical_spread) in enumerate(zip(("plain", *_PHASES), (8, 11, 14, 10), strict=True)):
        mean, spread = getattr(recipe, phase)
        here, usual = getattr(liver, phase), getattr(average, phase)
        if recipe.relative:
            values.append(here + mean + spread * score[n])
            continue
        shared = recipe.follows_liver * (here - usual)
        own = np.sqrt(max(spread**2 - (recipe.follows_liver * typical_spread) ** 2, 0.25 * spread**2))
        place, sign_hu = SIGN_HU.get(phase, (0, 0.0))
        values.append(mean + shared + own * score[n] + (sign_hu if signs and signs[place] else 0.0))
    if signs:  # an HCC, or what looks like one
        values[1] += _SMALL_HCC_LIFT_HU * float(np.clip((32 - size_mm) / 12, -0.2, 1))
        values[1] += _LARGE_HCC_SPREAD_HU * float(np.clip((size_mm - 32) / 10, 0, 1)) * free[1]
    return Uptake(*(max(recipe.least_hu, float(value)) for value in values))


def _capsule(rng: np.random.Generator, liver: Uptake) -> Uptake:
    lift = float(rng.uniform(*_CAPSULE_LIFT_HU))
    return Uptake(liver.plain - 4, liver.arterial + 2, liver.portal + 0.6 * lift, liver.delayed + lift)


def _blood(rng: np.random.Generator, patient: Patient) -> Uptake:
    """A haemangioma's pools hold blood, a little diluted."""
    dilution = float(rng.uniform(0.6, 1.0))
    arterial, portal, delayed = (_own_to_clock(patient, REFERENCE_SECONDS[phase]) for phase in _PHASES)
    late = [0.5 * (patient.hu("aorta", time) + patient.hu("portal_vein", time)) for time in (portal, delayed)]
    return Uptake(
        patient.hu("portal_vein", None),
        50 + dilution * 0.55 * (patient.hu("aorta", arterial) - 50),
        45 + dilution * (late[0] - 45),
        40 + (0.5 + 0.5 * dilution) * (late[1] - 40),
    )


def _nodules(rng: np.random.Generator, shape: LesionShape, chance: float) -> tuple[Floats, Floats]:
    """Nodules within the nodule: seeds and an offset for each; none for most."""
    if rng.random() >= chance:
        return np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    count = int(rng.integers(5, 15))
    seeds = shape.inside(rng, count)
    return seeds, rng.normal(size=len(seeds)).astype(np.float32)


def _features(lesion: Lesion, liver: Uptake, rng: np.random.Generator) -> dict[str, Any]:
    """What an ideal reader would see, measured on the noiseless lesion: the words of LI-RADS."""
    points = lesion.shape.inside(rng, 500)
    depth, radius = lesion.shape.depth(points)
    shell = depth < min(lesion.rim_mm, 0.25 * lesion.size_mm)
    seen: dict[str, Floats] = {}
    for phase in _PHASES:
        time = _own_to_clock(lesion.patient, REFERENCE_SECONDS[phase])
        seen[phase] = lesion._tissue(points, depth, radius, time)
    relative = {phase: seen[phase] - getattr(liver, phase) for phase in _PHASES}
    enhancement = float(np.median(seen["portal"])) - lesion.core.plain
    core_now, shell_now = (float(np.median(relative["arterial"][part])) for part in (~shell, shell))
    early = float(np.percentile(relative["arterial"], 85))  # the livelier part counts, not the average
    lively = float(np.percentile(relative["arterial"][~shell], 85))
    if lesion.fill is not None:
        aphe = "nonrim" if lesion.flash else "none"
    elif shell_now - core_now >= _BRIGHT_HU and shell_now >= _BRIGHT_HU / 2 and core_now < _BRIGHT_HU:
        aphe = "rim"
    elif early >= _BRIGHT_HU:
        aphe = "nonrim"
    else:
        aphe = "none"
    washout = "none"
    for phase in ("portal", "delayed"):
        inner, outer = (float(np.median(relative[phase][part])) for part in (~shell, shell))
        # what never took up contrast cannot wash it out, and a blood pool does not
        if lively < 3 or enhancement < 15 or lesion.fill is not None:
            continue
        if inner <= -_WASHOUT_HU:
            washout = "nonperipheral"
        elif outer <= -_WASHOUT_HU and inner > -_WASHOUT_HU / 2 and washout == "none":
            washout = "peripheral"
    return {
        "aphe": aphe,
        "washout": washout,
        "capsule": lesion.capsule is not None,
        "mosaic": bool(len(lesion.mosaic)),
        "necrosis": lesion.necrosis > 0,
        "blood_pool": lesion.fill is not None,
        "delayed_central": float(np.median(relative["delayed"][~shell])) > _WASHOUT_HU and lesion.fill is None,
        "scar": lesion.scar is not None,
        **{f"{phase}_minus_liver_hu": float(np.median(relative[phase])) for phase in _PHASES},
    }
