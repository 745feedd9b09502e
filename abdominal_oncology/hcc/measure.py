"""From a case to measured lesions: size, enhancement, washout, capsule, place, each with its error and its warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from scipy import ndimage

from abdominal_oncology.hcc.align import Alignment
from abdominal_oncology.hcc.case import LesionMask, MultiphaseCase, crop_mask
from abdominal_oncology.hcc.cut import along
from abdominal_oncology.hcc.features.findings import Findings, findings_of
from abdominal_oncology.hcc.features.maps import feature_maps
from abdominal_oncology.hcc.features.published import (
    Energy,
    PublishedFeatures,
    energy_difference,
    median_difference,
    split_border,
)
from abdominal_oncology.hcc.features.region import LesionRegion
from abdominal_oncology.hcc.features.uncertain import Uncertain
from abdominal_oncology.hcc.lirads.assessment import Assessment, measured, not_assessable, seen
from abdominal_oncology.hcc.lirads.features import Feature, ImagedPhase
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.observation import Observation
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.hcc.location import Location, locate
from abdominal_oncology.hcc.patch import PATCH_SPACING_MM
from abdominal_oncology.hcc.phase_roles import PLAIN
from abdominal_oncology.hcc.prepare import DOUBTFUL, Method, PreparedCase, prepare
from abdominal_oncology.imaging.diameter import diameter_3d
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.finding import FindingWarning, Measurement
from abdominal_oncology.progress import Progress, part, silent

SMALL_MM = 6.0
"""Below this a lesion is hardly larger than the blur, and its measurements warn."""

AROUND_MM = 15.0
_MOST_VOXELS = 150_000
_SEEN_SHARE = 0.9
_OUTLINE_MM = 0.7
# found on painted lesions of known size, 1 to 5 mm slices: the overshoot is 0.66 to 0.97 of a voxel's step, ± 0.15
_CORNER_SHARE, _STEP_ERROR = 0.8, 0.15
_COVERS_LIVER = 0.6
_INSIDE_SHARE, _BELONGS_SHARE = 0.5, 0.15
_IMAGED = {
    "arterial": ImagedPhase.ARTERIAL,
    "portal": ImagedPhase.PORTAL,
    "delayed": ImagedPhase.DELAYED,
    PLAIN: ImagedPhase.NONCONTRAST,
}


@dataclass(frozen=True, eq=False)
class LesionMeasurements:
    """``roles`` are the phases that show the lesion and lie on it. ``unmeasurable`` says why nothing but the size could
    be measured, and is empty otherwise; ``findings``, ``published`` and ``region`` are None then. ``doubt`` says why
    what was measured may not be the lesion in its phases at all; then no category may be given without a reader.
    """

    name: str
    size: Uncertain
    volume_mm3: float
    roles: tuple[str, ...]
    findings: Findings | None
    published: PublishedFeatures | None
    region: LesionRegion | None
    location: Location | None
    warnings: tuple[FindingWarning, ...] = ()
    unmeasurable: str = ""
    prior: PriorSize | None = None
    growth_percent: Uncertain | None = None
    alignments: Mapping[str, Alignment] = field(default_factory=dict)
    doubt: str = ""

    @property
    def doubtful_roles(self) -> frozenset[str]:
        """The phases that do not lie well on the portal phase."""
        return frozenset(role for role, each in self.alignments.items() if each.confidence < DOUBTFUL)

    def observation(self, population: Population | None = None, imaged_on: date | None = None) -> Observation:
        """What LI-RADS is told. A lesion that cannot be measured is told as one that cannot be categorised."""
        return Observation(
            size_mm=self.size.value,
            features=self._assessments(),
            phases=frozenset(_IMAGED[role] for role in self.roles),
            population=population or Population(),
            priors=(self.prior,) if self.prior is not None else (),
            imaged_on=imaged_on,
            size_sd_mm=self.size.error,
            name=self.name,
        )

    def measurements(self) -> tuple[Measurement, ...]:
        """For a finding: every known number with its 90 % interval, then every chance."""
        rows = [Measurement("size", self.size.value, "mm", *self.size.interval)]
        rows.append(Measurement("volume", self.volume_mm3 / 1000, "ml"))
        if self.growth_percent is not None:
            rows.append(Measurement("growth", self.growth_percent.value, "%", *self.growth_percent.interval))
        if self.published is not None:
            form = f"energy as {self.published.energy}"
            rows += [
                Measurement("f_aphe", self.published.aphe_hu, "HU"),
                Measurement("f_ec", self.published.capsule_hu2, "HU²", note=form),
                Measurement("f_npw", self.published.washout_hu, "HU"),
            ]
        if self.findings is not None:
            known = {name: value for name, value in self.findings.numbers.items() if value.known}
            rows += [Measurement(name, each.value, each.unit, *each.interval) for name, each in known.items()]
            rows += [Measurement(f"chance_{name}", chance) for name, chance in self.findings.chances.items()]
        return tuple(rows)

    def maps(self) -> dict[str, Image]:
        """Voxel maps on a small grid around the lesion, along the portal phase (see ``features.maps``)."""
        if self.region is None or self.findings is None:
            return {}
        numbers = self.findings.numbers
        lifts = {role: numbers.get(f"{role}_capsule_lift") for role in ("portal", "delayed")}
        known = {role: lift.value for role, lift in lifts.items() if lift is not None and lift.known}
        place = numbers[f"{max(known, key=lambda role: known[role])}_capsule_place"].value if known else None
        return feature_maps(self.region, place)

    def _assessments(self) -> Mapping[Feature, Assessment]:
        if self.findings is None:
            return {Feature.NOT_CATEGORISABLE: seen(note=self.unmeasurable, source="measured")}
        chance = self.findings.chances
        result: dict[Feature, Assessment] = {}
        if self.doubt:
            result[Feature.NOT_CATEGORISABLE] = seen(note=self.doubt, source="measured")
        if "arterial" in self.roles:
            arterial = {"nonrim": chance["aphe_nonrim"], "rim": chance["aphe_rim"]}
            result[Feature.APHE] = measured(Feature.APHE, arterial)
        else:
            result[Feature.APHE] = not_assessable(ImagedPhase.ARTERIAL, source="measured")
        late = {"nonperipheral": chance["washout_nonperipheral"], "peripheral": chance["washout_peripheral"]}
        result[Feature.WASHOUT] = measured(Feature.WASHOUT, late)
        result[Feature.CAPSULE] = measured(Feature.CAPSULE, chance["capsule"])
        result[Feature.PARALLELS_BLOOD_POOL] = measured(Feature.PARALLELS_BLOOD_POOL, chance["blood_pool"])
        result[Feature.DEFINITELY_BENIGN] = measured(
            Feature.DEFINITELY_BENIGN, chance["fluid"], note="as dark as water in every phase"
        )
        if "delayed" in self.roles:
            central = chance["delayed_central"]
            result[Feature.DELAYED_CENTRAL_ENHANCEMENT] = measured(Feature.DELAYED_CENTRAL_ENHANCEMENT, central)
        else:
            result[Feature.DELAYED_CENTRAL_ENHANCEMENT] = not_assessable(ImagedPhase.DELAYED, source="measured")
        return result


def measure_lesions(
    case: MultiphaseCase, progress: Progress = silent, *, by: Method = "auto", energy: Energy | str = Energy.MEAN
) -> list[LesionMeasurements]:
    """Every lesion of a case, in its order. ``by`` chooses the alignment, ``energy`` the form of f_EC."""
    prepared = prepare(case, by=by, progress=part(progress, 0.0, 0.6))
    return measure_prepared(prepared, part(progress, 0.6, 1.0), energy=energy)


def measure_prepared(
    prepared: PreparedCase, progress: Progress = silent, *, energy: Energy | str = Energy.MEAN
) -> list[LesionMeasurements]:
    """As :func:`measure_lesions`, after :func:`~abdominal_oncology.hcc.prepare.prepare`."""
    lesions = prepared.case.lesions
    organs = {
        name: crop_mask(reader, name)
        for name, reader in prepared.case.organs.items()
        if name in ("gallbladder", "inferior_vena_cava")
    }
    result: list[LesionMeasurements] = []
    for n, lesion in enumerate(lesions):
        progress(n / len(lesions), f"measuring {lesion.name}")
        result.append(_measured(prepared, lesion, organs, Energy(energy)))
    progress(1.0, "measured")
    return result


def lesion_size(lesion: LesionMask) -> Uncertain:
    """The largest diameter in space, outer edge to outer edge, of its largest part; mm.

    A voxel is drawn when its middle lies inside, but its far corners then lie outside: corner to corner a lesion is
    measured too large, by about 2 mm on slices of 2.5 mm. That is taken off.
    """
    mask = lesion.mask
    if lesion.parts > 1:
        numbered, count = ndimage.label(mask.voxels, np.ones((3, 3, 3)))
        largest = int(np.argmax(np.bincount(numbered.ravel(), minlength=count + 1)[1:])) + 1
        mask = mask.derive("keep the largest part", voxels=(numbered == largest).astype(np.uint8))
    longest = diameter_3d(mask)
    way = np.subtract(longest.end_mm, longest.start_mm) / longest.length_mm
    step = float(np.abs(np.asarray(mask.geometry.directions) @ way) @ np.asarray(mask.geometry.spacing_mm))
    error = float(np.hypot(_STEP_ERROR * step, _OUTLINE_MM * np.sqrt(2)))
    return Uncertain(max(longest.length_mm - _CORNER_SHARE * step, longest.length_mm / 2), error, "mm")


def measuring_grid(lesion: LesionMask, frame: Geometry) -> Geometry:
    """The grid of the patch over the whole lesion and the liver around it; coarser for the largest lesions."""
    grid = along(frame, lesion.corners_mm, AROUND_MM, PATCH_SPACING_MM)
    coarser = max(1.0, (float(np.prod(grid.shape)) / _MOST_VOXELS) ** (1 / 3))
    if coarser == 1.0:
        return grid
    k, j, i = (mm * coarser for mm in PATCH_SPACING_MM)
    return along(frame, lesion.corners_mm, AROUND_MM, (k, j, i))


def _measured(
    prepared: PreparedCase, lesion: LesionMask, organs: Mapping[str, Image], energy: Energy
) -> LesionMeasurements:
    size = lesion_size(lesion)
    grid = measuring_grid(lesion, prepared.frame)
    inside = prepared.mask(lesion.mask, grid)
    hu = {role: prepared.hu(role, grid) for role in prepared.blocks}
    shown = {role: float(np.isfinite(values[inside]).mean()) if inside.any() else 0.0 for role, values in hu.items()}
    roles = tuple(role for role, share in shown.items() if share >= _SEEN_SHARE and _lies_well(prepared, role))
    unmeasurable = _obstacle(prepared, lesion, roles, int(np.count_nonzero(inside)))
    warnings = [*prepared.warnings, *lesion.warnings, *_lesion_warnings(prepared, lesion, size, shown)]
    prior = prepared.case.priors.get(lesion.name)
    findings, published, region = None, None, None
    if unmeasurable:
        warnings.append(FindingWarning("not_measurable", f"{lesion.name}: {unmeasurable}"))
    else:
        neighbours = [each for each in prepared.case.lesions if each is not lesion]
        others = np.logical_or.reduce([np.zeros_like(inside), *(prepared.mask(each.mask, grid) for each in neighbours)])
        region = LesionRegion.of(
            grid,
            {role: hu[role] for role in roles},
            inside,
            prepared.mask(prepared.liver, grid),
            others,
            prepared.background,
        )
        findings = findings_of(region, size.value)
        published = published_features(region, size.value, energy)
    return LesionMeasurements(
        lesion.name,
        size,
        lesion.volume_mm3,
        roles,
        findings,
        published,
        region,
        locate(lesion.mask, prepared.liver, organs),
        tuple(warnings),
        unmeasurable,
        prior,
        None if prior is None or prior.size_mm == 0 else _growth(size, prior),
        prepared.alignments,
        _doubt(prepared),
    )


def published_features(region: LesionRegion, size_mm: float, energy: Energy = Energy.MEAN) -> PublishedFeatures:
    """The source paper's three formulas on one lesion, and its size."""
    inner, border = split_border(region.depth_mm)
    arterial, portal = region.hu["arterial"], region.hu["portal"]
    return PublishedFeatures(
        median_difference(arterial[region.lesion], [region.background["arterial"].hu.value]),
        energy_difference(arterial[inner], arterial[border], energy),
        median_difference(portal[region.lesion], [region.background["portal"].hu.value]),
        size_mm,
        energy,
    )


def _lies_well(prepared: PreparedCase, role: str) -> bool:
    """Without arterial and portal phase nothing is left to measure: they are kept, and a doubt is told."""
    return role in ("arterial", "portal") or prepared.alignments[role].confidence >= DOUBTFUL


def _doubt(prepared: PreparedCase) -> str:
    if prepared.alignments["arterial"].confidence < DOUBTFUL:
        return "the arterial phase does not lie well on the portal phase"
    return next((each.message for each in prepared.warnings if each.code == "phases_swapped"), "")


def _obstacle(prepared: PreparedCase, lesion: LesionMask, roles: tuple[str, ...], voxels: int) -> str:
    if lesion.voxels < 2 or voxels < 2:
        return "it is too small to measure anything in it"
    if prepared.coverage[lesion.name][1] > _COVERS_LIVER:
        return "it covers the liver, so there is no parenchyma to compare it with"
    if prepared.coverage[lesion.name][0] < _BELONGS_SHARE:
        return "it lies outside the liver"
    missing = [role for role in ("arterial", "portal") if role not in roles]
    if missing:
        return f"the {' and the '.join(missing)} phase does not show it"
    if any(not prepared.background[role].hu.known for role in roles):
        return "the liver around it is not seen in every phase"
    return ""


def _lesion_warnings(
    prepared: PreparedCase, lesion: LesionMask, size: Uncertain, shown: Mapping[str, float]
) -> Iterator[FindingWarning]:
    inside, of_liver = prepared.coverage[lesion.name]
    if of_liver > _COVERS_LIVER:
        yield FindingWarning("lesion_covers_liver", f"{lesion.name} fills {of_liver:.0%} of the liver's outline")
    if inside < _INSIDE_SHARE:
        yield FindingWarning("lesion_outside_liver", f"only {inside:.0%} of {lesion.name} lies inside the liver")
    if size.value < SMALL_MM:
        yield FindingWarning("lesion_small", f"{lesion.name} measures {size.value:.0f} mm, hardly more than the blur")
    for role, share in shown.items():
        if share < _SEEN_SHARE:
            yield FindingWarning("lesion_not_shown", f"the {role} phase shows {share:.0%} of {lesion.name}")


def _growth(size: Uncertain, prior: PriorSize) -> Uncertain:
    """Increase in per cent; the prior's error is taken to be that of the present size."""
    ratio = size.value / prior.size_mm
    error = ratio * float(np.hypot(size.error / size.value, size.error / prior.size_mm))
    return Uncertain(100 * (ratio - 1), 100 * error, "%")
