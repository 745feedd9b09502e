"""From measured numbers to what a reader would call present: APHE, washout, capsule and the rest, each a probability.

LI-RADS gives no thresholds in HU; a reader sees a difference or does not. The ones below say where half the readers
would see it through ordinary noise, blurred by how far readers differ. They are conventions of ours, not of LI-RADS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from abdominal_oncology.hcc.features.capsule import capsule
from abdominal_oncology.hcc.features.enhancement import enhancement, noise_error
from abdominal_oncology.hcc.features.region import LesionRegion
from abdominal_oncology.hcc.features.samples import Samples, with_border_errors
from abdominal_oncology.hcc.features.uncertain import UNKNOWN, Uncertain

BRIGHT_HU = 12.0
DARK_HU = -8.0
THIN_HU = 6.0
"""A rim's or a capsule's: what is only a millimetre or two thick loses half of its contrast to blur and breathing."""
CAPSULE_SHARE = 0.5
FLUID_HU = 25.0
READER_HU = 4.0
"""How far readers' thresholds scatter, one standard deviation."""

_LATE = ("portal", "delayed")


@dataclass(frozen=True)
class Findings:
    """``numbers`` are measurements in HU above parenchyma (shares: 0 … 1); ``chances`` probabilities of presence:
    ``aphe_nonrim``, ``aphe_rim``, ``washout_nonperipheral``, ``washout_peripheral``, ``capsule``, ``blood_pool``,
    ``delayed_bright`` (the middle is brighter than liver), ``delayed_central`` (and became so slowly), ``fluid``,
    ``mosaic``.
    """

    numbers: Mapping[str, Uncertain]
    chances: Mapping[str, float]


def findings_of(region: LesionRegion, size_mm: float) -> Findings:
    """All measurements of one lesion, with errors from outline, alignment and noise."""
    samples, measured = with_border_errors(region, size_mm, _measure)
    numbers = {name: _with_noise(name, value, border, samples, region) for name, (value, border) in measured.items()}
    return Findings(numbers, _chances(numbers, samples))


def _measure(samples: Samples) -> dict[str, float]:
    return enhancement(samples) | capsule(samples)


def _with_noise(name: str, value: float, border: float, samples: Samples, region: LesionRegion) -> Uncertain:
    role, _, what = name.partition("_")
    if what.endswith(("share", "place")):
        return Uncertain(value, border, "" if what.endswith("share") else "mm")
    if not np.isfinite(value):
        return UNKNOWN
    part = samples.core() if what.startswith(("core", "lively_core", "filling", "rise")) else samples.inside()
    if what.startswith(("shell", "capsule", "lively_shell")):
        part = samples.shell()
    noise = noise_error(samples, role, part) * (1.3 if what.startswith("lively") else 1.0)
    background = region.background[role].hu.error
    return Uncertain(value, float(np.sqrt(border**2 + noise**2 + background**2)))


def _chances(numbers: Mapping[str, Uncertain], samples: Samples) -> dict[str, float]:
    def number(name: str) -> Uncertain:
        return numbers.get(name, UNKNOWN)

    late = [role for role in _LATE if number(f"{role}_core").known]
    blood = _blood_pool(numbers)
    fluid = _fluid(numbers, samples)
    bright = number("arterial_lively").above(BRIGHT_HU, READER_HU)
    # mostly at the border: the shell stands out from the core, and the core has no lively part of its own
    rim = (
        number("arterial_shell_minus_core").above(THIN_HU, READER_HU)
        * number("arterial_lively_shell").above(BRIGHT_HU, READER_HU)
        * number("arterial_lively_core").below(BRIGHT_HU, 2 * READER_HU)
    )
    # what never took up contrast cannot wash it out, and a blood pool does not
    took_up = number("arterial_lively_core").above(0.0, READER_HU) * (1 - fluid) * (1 - blood)
    dark = {role: number(f"{role}_core").below(DARK_HU, READER_HU) for role in late}
    edge = {
        role: number(f"{role}_shell").below(DARK_HU, READER_HU) * number(f"{role}_core").above(DARK_HU / 2, READER_HU)
        for role in late
    }
    washout = took_up * _most(dark)
    delayed_bright = number("delayed_core").above(-DARK_HU, READER_HU) * (1 - blood)
    return {
        "aphe_nonrim": bright * (1 - rim) * (1 - blood * (1 - _flash(numbers))),
        "aphe_rim": rim * (1 - blood),
        "washout_nonperipheral": washout,
        "washout_peripheral": took_up * _most(edge) * (1 - washout),
        "capsule": _most({role: _capsule(numbers, role) for role in late}) * (1 - blood) * (1 - fluid),
        "blood_pool": blood,
        "delayed_bright": delayed_bright,
        "delayed_central": delayed_bright
        * number("delayed_rise").above(BRIGHT_HU, READER_HU)
        * number("arterial_lively_core").below(BRIGHT_HU, 2 * READER_HU)
        * (1 - fluid),
        "fluid": fluid,
        "mosaic": number("portal_grain").above(14.0, READER_HU) * (1 - blood),
    }


def _capsule(numbers: Mapping[str, Uncertain], role: str) -> float:
    lift, share = numbers.get(f"{role}_capsule_lift", UNKNOWN), numbers.get(f"{role}_capsule_share", UNKNOWN)
    return lift.above(THIN_HU, READER_HU) * share.above(CAPSULE_SHARE, 0.1)


def _blood_pool(numbers: Mapping[str, Uncertain]) -> float:
    """Like the blood in every phase: filling from the edge, and once filled not darker than the liver; or bright all
    through from the start.
    """

    def number(name: str) -> Uncertain:
        return numbers.get(name, UNKNOWN)

    filling = number("portal_shell_minus_core").above(20.0, 2 * READER_HU)
    if number("delayed_filling").known:
        filling *= number("delayed_filling").above(20.0, 2 * READER_HU)
        filling *= number("delayed_core").above(-25.0, 2 * READER_HU)
        filling *= number("delayed_shell").above(2 * DARK_HU, READER_HU)
    else:  # without the late phase only a very bright edge around a dark middle tells
        filling *= number("portal_shell").above(BRIGHT_HU, READER_HU)
    return filling + (1 - filling) * _flash(numbers)


def _flash(numbers: Mapping[str, Uncertain]) -> float:
    """Filled at once: brighter than liver by far in the arterial and still in the portal phase, never darker."""
    chance = numbers.get("arterial_core", UNKNOWN).above(40.0, 3 * READER_HU)
    chance *= numbers.get("portal_core", UNKNOWN).above(25.0, 2 * READER_HU)
    delayed = numbers.get("delayed_core", UNKNOWN)
    return chance * (delayed.above(DARK_HU / 2, READER_HU) if delayed.known else 0.5)


def _fluid(numbers: Mapping[str, Uncertain], samples: Samples) -> float:
    """As dark as water in every phase seen: nothing enhances."""
    chance = 1.0
    for role in samples.above_hu:
        above = numbers.get(f"{role}_median", UNKNOWN)
        if above.known:
            whole = Uncertain(above.value + samples.liver_hu[role], above.error)
            chance = min(chance, whole.below(FLUID_HU, READER_HU))
    return chance


def _most(chances: Mapping[str, float]) -> float:
    return max(chances.values(), default=0.0)
