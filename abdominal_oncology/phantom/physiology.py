"""Patients whose contrast behaves: the HU of any structure at any second after the injection began.

HU(t) = plain + amplitude · enhancement(warped t) · own residual(t). Amplitude is iodine per body weight; the time axis
starts at the patient's own arrival and is stretched by cardiac output; residuals are correlated inside a pool (all
blood is one blood late on) and free between liver, spleen and vessels. What the shared factors do not explain of the
published spread, the residuals add: :func:`_calibration` solves for it once, so that a population reproduces the table
of :mod:`abdominal_oncology.phantom.enhancement`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from math import erf, exp, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phantom.enhancement import (
    ARRIVAL_SECONDS,
    EXCRETION,
    EXCRETION_SECONDS,
    REGIONS,
    TABLE_SECONDS,
    Curve,
    Floats,
    mean_curve,
)
from abdominal_oncology.phantom.tissues import families, recipe


class LiverCondition(StrEnum):
    NORMAL = "normal"
    CIRRHOSIS = "cirrhosis"
    STEATOSIS = "steatosis"


CONDITIONS = tuple(LiverCondition)
CONDITION_SHARES = (0.84, 0.12, 0.04)
"""How often each liver condition is sampled; with these the whole population's liver meets the table's row."""

_LIVER_PLAIN = np.array([REGIONS["liver"].plain, (51.0, 9.0), (32.0, 14.0)])
# fibrosis slows and lowers portal enhancement but holds contrast late: (seconds, factor)
_CIRRHOSIS_LIVER = Curve.through([0, 40, 75, 180, 450, 900], [1.0, 0.95, 0.75, 0.86, 0.95, 1.0])
_CIRRHOSIS_PORTAL = Curve.through([0, 30, 60, 110, 900], [1.0, 0.95, 0.93, 0.97, 1.0])
# a slow heart fills less blood per second: the first pass is higher, recirculation is not
_FIRST_PASS = Curve.through([0, 40, 80, 900], [0.7, 0.6, 0.0, 0.0])
# share of "one blood" in a vessel's residual: little is mixed early, all is mixed late
_MIXING = Curve.through([0, 25, 45, 75, 180, 900], [0.3, 0.3, 0.4, 0.62, 0.95, 0.97])
_LATE = Curve.through([0, 30, 75, 300, 900], [0.0, 0.0, 0.6, 0.95, 1.0])
_BLOOD_POOL = "blood"


@dataclass(frozen=True, eq=False)
class Population:
    """Many patients as arrays of length n; see :class:`Patient` for the units. ``scores`` holds standard normal
    residuals by family or region, each (n, 3): unenhanced, early and late."""

    male: NDArray[np.bool_]
    age_years: Floats
    weight_kg: Floats
    dose_g_iodine: Floats
    cardiac_output_l_min: Floats
    arrival_seconds: Floats
    stretch: Floats
    amplitude: Floats
    kidney_function: Floats
    condition: NDArray[np.int64]
    scores: Mapping[str, Floats]

    @classmethod
    def sample(
        cls,
        n: int,
        rng: np.random.Generator,
        *,
        condition: LiverCondition | str | None = None,
        spread: float = 1.0,
    ) -> Population:
        """``n`` patients. ``spread`` widens (> 1) or narrows all residuals, to train on more than is usual."""
        if n < 1:
            raise InvalidInputError(f"a population needs at least one patient, not {n}")
        male = rng.random(n) < 0.55
        weight = np.clip(rng.normal(np.where(male, 82.0, 70.0), np.where(male, 15.0, 14.0)), 42.0, 150.0)
        usual = 0.52 * np.clip(weight, 48.0, 96.0)  # grams iodine, capped as injectors and bottles are
        dose = usual * np.exp(0.07 * rng.standard_normal(n))
        output = np.clip(5.4 * (weight / 76.0) ** 0.35 * np.exp(0.15 * rng.standard_normal(n)), 2.4, 10.0)
        stretch = (5.4 / output) ** 0.62 * np.exp(0.04 * rng.standard_normal(n))
        arrival = np.clip(ARRIVAL_SECONDS * stretch + rng.normal(0.0, 0.8, n), 7.0, 26.0)
        amplitude = (dose / weight / 0.51) ** 0.85 * np.exp(0.12 * rng.standard_normal(n))
        impaired = rng.random(n) < 0.07
        kidney = np.where(impaired, rng.uniform(0.35, 0.8, n), np.clip(rng.normal(1.0, 0.08, n), 0.75, 1.25))
        shares = np.asarray(CONDITION_SHARES)
        chosen = rng.choice(3, n, p=shares)
        if condition is not None:
            if str(condition) not in CONDITIONS:
                raise InvalidInputError(
                    f"no liver condition is called {condition!r}", remedy=f"choose one of {', '.join(CONDITIONS)}"
                )
            chosen = np.full(n, CONDITIONS.index(LiverCondition(condition)))
        names = [*REGIONS, *families()]
        drawn = rng.standard_normal((n, len(dict.fromkeys(names)), 3)) * spread
        scores = {name: drawn[:, index] for index, name in enumerate(dict.fromkeys(names))}
        age = np.clip(rng.normal(61.0, 14.0, n), 20.0, 92.0)
        return cls(male, age, weight, dose, output, arrival, stretch, amplitude, kidney, chosen, scores)

    def __len__(self) -> int:
        return len(self.amplitude)

    def hu(self, structure: str, seconds: ArrayLike | None) -> Floats:
        """Mean HU of the structure in every patient: (n,) without contrast or at one second, (n, t) at several."""
        plain = self._plain(structure)
        if seconds is None:
            return plain
        times = np.asarray(seconds, dtype=np.float64)
        if not np.isfinite(times).all():
            raise InvalidInputError(f"seconds since injection must be finite numbers or None, not {seconds!r}")
        total = plain[:, None] + self._uptake(structure, np.atleast_1d(times))
        return total[:, 0] if times.ndim == 0 else total

    def hu_each(self, structure: str, seconds: ArrayLike) -> Floats:
        """Mean HU of the structure with each patient at a second of their own: ``seconds`` and result (n,)."""
        times = np.asarray(seconds, dtype=np.float64)
        if times.shape != (len(self),) or not np.isfinite(times).all():
            raise InvalidInputError(f"{len(self)} patients need as many finite seconds, not an array of {times.shape}")
        result: Floats = self._plain(structure) + self._uptake(structure, times[:, None])[:, 0]
        return result

    def _plain(self, structure: str) -> Floats:
        made_of = recipe(structure)
        kind = _EXCRETED.get(structure)
        if kind:
            mean, spread = EXCRETION[kind].plain
            return mean + spread * self.scores[kind][:, 0]
        first = made_of.uptake[0][0] if made_of.uptake else ""
        if made_of.plain is not None:
            mean, spread = made_of.plain
            score = self.scores[made_of.family][:, 0]
            if made_of.family == "bone":  # trabecular bone thins with age
                score = 0.6 * score - 0.8 * (self.age_years - 61.0) / 14.0
            return mean + spread * score
        own = self.scores[first][:, 0]
        if REGIONS[first].pool == _BLOOD_POOL:
            own = 0.92 * self.scores[_BLOOD_POOL][:, 0] + 0.39 * own
        if first == "liver":
            livers: Floats = _LIVER_PLAIN[self.condition, 0] + _LIVER_PLAIN[self.condition, 1] * own
            return livers
        if REGIONS[first].pool:
            own = own if REGIONS[first].pool == _BLOOD_POOL else self.scores[REGIONS[first].pool][:, 0]
        mean, spread = REGIONS[first].plain
        return mean + spread * own

    def _uptake(self, structure: str, times: Floats) -> Floats:
        kind = _EXCRETED.get(structure)
        if kind:
            return self._excreted(kind, times)
        total = np.zeros(np.broadcast_shapes((len(self), 1), times.shape))
        for region, share in recipe(structure).uptake:
            mean, spread = _calibration()[region]
            total += share * self._enhancement(region, times, mean(times), spread(times))
        return total

    def _enhancement(self, region: str, times: Floats, correction: Floats, spread: Floats) -> Floats:
        arrival, stretch = self.arrival_seconds[:, None], self.stretch[:, None]
        after = ARRIVAL_SECONDS + (times - arrival) / stretch
        warped = np.where(times > arrival, after, times * (ARRIVAL_SECONDS / arrival))
        average = mean_curve(region)(warped) * correction
        gain = self.amplitude[:, None] * stretch ** _FIRST_PASS(times)
        score = self._score(region, times)
        if region == "liver":
            cirrhotic = (self.condition == 1)[:, None]
            gain = gain * np.where(cirrhotic, _CIRRHOSIS_LIVER(times), 1.0)
            spread = np.where(cirrhotic, np.hypot(spread, 0.19), spread)
        elif region == "portal_vein":
            gain = gain * np.where((self.condition == 1)[:, None], _CIRRHOSIS_PORTAL(times), 1.0)
        elif region.startswith("renal"):
            gain = gain * self.kidney_function[:, None] ** 0.7
        result: Floats = average * gain * np.exp(spread * score - spread**2 / 2)
        return result

    def _score(self, region: str, times: Floats) -> Floats:
        """Residual at each time: turns slowly from the early score to the late one, and mixes into its pool."""
        late = _LATE(times)
        early = np.sqrt(1 - late**2)
        pool = REGIONS[region].pool
        own = self.scores[region]
        result: Floats = own[:, 1:2] * early + own[:, 2:3] * late
        if pool in ("", region):
            return result
        shared = self.scores[pool]
        common = shared[:, 1:2] * early + shared[:, 2:3] * late
        weight = np.sqrt(_MIXING(times)) if pool == _BLOOD_POOL else np.full(times.shape, 0.9)
        mixed: Floats = weight * common + np.sqrt(1 - weight**2) * result
        return mixed

    def _excreted(self, kind: str, times: Floats) -> Floats:
        scale, threshold = _excretion(kind)
        reached = np.maximum(self.scores[kind][:, 1:2] - threshold(np.log(np.maximum(times, 1.0))), 0.0)
        gone = np.where(times > 45.0, np.exp(scale(np.log(np.maximum(times, 1.0)))), 0.0)
        result: Floats = np.minimum(reached * gone * np.minimum(self.kidney_function, 1.0)[:, None], 2600.0)
        return result


@dataclass(frozen=True)
class Patient:
    """One patient's way with contrast.

    ``stretch`` multiplies all times after ``arrival_seconds`` (slow heart > 1), ``amplitude`` all enhancement (iodine
    per weight), ``kidney_function`` is 1 when normal. ``scores`` are standard normal residuals by family or region.

    >>> patient = Patient.sample(np.random.default_rng(1), condition="normal")
    >>> patient.hu("aorta", 35.0) > patient.hu("aorta", 75.0) > patient.hu("aorta", None)
    True
    """

    male: bool
    age_years: float
    weight_kg: float
    dose_g_iodine: float
    cardiac_output_l_min: float
    arrival_seconds: float
    stretch: float
    amplitude: float
    kidney_function: float
    condition: LiverCondition
    scores: Mapping[str, tuple[float, float, float]]

    @classmethod
    def sample(
        cls,
        rng: np.random.Generator,
        *,
        condition: LiverCondition | str | None = None,
        spread: float = 1.0,
    ) -> Patient:
        """A patient drawn from the population; ``condition`` fixes the liver."""
        many = Population.sample(1, rng, condition=condition, spread=spread)
        plain = {f.name: getattr(many, f.name)[0] for f in fields(many) if f.name not in ("scores", "condition")}
        numbers: dict[str, Any] = {name: float(value) for name, value in plain.items()}
        numbers["male"] = bool(plain["male"])
        scores = {name: tuple(float(v) for v in values[0]) for name, values in many.scores.items()}
        return cls(**numbers, condition=CONDITIONS[int(many.condition[0])], scores=scores)  # type: ignore[arg-type]

    @property
    def population(self) -> Population:
        """This patient as a population of one."""
        numbers = {
            f.name: np.array([getattr(self, f.name)])
            for f in fields(self)
            if f.name not in ("scores", "condition", "male")
        }
        return Population(
            male=np.array([self.male]),
            condition=np.array([CONDITIONS.index(self.condition)]),
            scores={name: np.array([values]) for name, values in self.scores.items()},
            **numbers,
        )

    def hu(self, structure: str, seconds: float | None) -> float:
        """Mean HU of a structure ``seconds`` after the injection began; None: no contrast was given."""
        return float(self.population.hu(structure, seconds)[0])

    def hu_table(self, structures: Sequence[str], seconds: float | None) -> dict[str, float]:
        """HU of many structures at once; quicker than one by one."""
        alone = self.population
        return {structure: float(alone.hu(structure, seconds)[0]) for structure in structures}

    @property
    def facts(self) -> dict[str, Any]:
        """The patient without residuals, as plain values for a truth record."""
        facts = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "scores"}
        return facts | {"condition": str(self.condition)}


def population_hu(
    structures: Sequence[str],
    seconds: ArrayLike | None,
    n: int,
    rng: np.random.Generator,
    *,
    condition: LiverCondition | str | None = None,
    spread: float = 1.0,
) -> Floats:
    """HU of ``structures`` in ``n`` sampled patients: (n, structures), or (n, structures, t) for several seconds.

    >>> population_hu(["aorta", "liver"], [30.0, 70.0], 5, np.random.default_rng(0)).shape
    (5, 2, 2)
    """
    people = Population.sample(n, rng, condition=condition, spread=spread)
    return np.stack([people.hu(structure, seconds) for structure in structures], axis=1)


_EXCRETED: Mapping[str, str] = {
    "renal_pelvis": "renal_pelvis",
    "ureters": "renal_pelvis",
    "bladder": "bladder",
    "urinary_bladder": "bladder",
}


@cache
def _calibration() -> Mapping[str, tuple[Curve, Curve]]:
    """Per region: a factor on the mean curve and the residual's spread, over seconds, that make sampled patients meet
    the table. Fixed-point iteration on a fixed sample of normal livers; takes about a fifth of a second, once."""
    people = Population.sample(1500, np.random.default_rng(20260), condition=LiverCondition.NORMAL)
    times = np.asarray(TABLE_SECONDS)
    result: dict[str, tuple[Curve, Curve]] = {}
    for region, row in REGIONS.items():
        plain = people._plain(region)[:, None]
        goal_mean, goal_spread = np.asarray(row.means) - row.plain[0], np.asarray(row.spreads)
        factor, variance = np.ones(len(times)), np.full(len(times), 0.02)
        for _ in range(8):
            got = people._enhancement(region, times, factor, np.sqrt(variance))
            factor = factor * goal_mean / got.mean(axis=0)
            missing = goal_spread**2 - (plain + got).var(axis=0)
            variance = np.clip(variance + 0.7 * missing / np.maximum(goal_mean, 3.0) ** 2, 1e-6, 1.0)
        span = [0.0, *TABLE_SECONDS, 900.0]
        around = np.concatenate([factor[:1], factor, factor[-1:]])
        result[region] = (
            Curve.through(span, around),
            Curve.through(span, np.sqrt(np.concatenate([variance[:1], variance, variance[-1:]]))),
        )
    return result


@cache
def _excretion(kind: str) -> tuple[Curve, Curve]:
    """Log scale and threshold, over log seconds, of scale · max(0, score − threshold) with the published moments."""
    scales, thresholds = [], []
    for mean, spread in EXCRETION[kind].added:
        low, high = -4.0, 3.0
        for _ in range(60):  # the ratio spread / mean rises with the threshold
            middle = (low + high) / 2
            first, second = _rectified(middle)
            if sqrt(second - first**2) / first < spread / mean:
                low = middle
            else:
                high = middle
        thresholds.append(low)
        scales.append(np.log(mean / _rectified(low)[0]))
    seconds = np.log([45.0, *EXCRETION_SECONDS, 900.0])
    return (
        Curve.through(seconds, np.array([scales[0] - 0.5, *scales, scales[-1] + 0.1])),
        Curve.through(seconds, np.array([3.5, *thresholds, thresholds[-1]])),
    )


def _rectified(threshold: float) -> tuple[float, float]:
    """First and second moment of max(0, score − threshold) for a standard normal score."""
    density = exp(-(threshold**2) / 2) / sqrt(2 * pi)
    above = (1 - erf(threshold / sqrt(2))) / 2
    return density - threshold * above, (1 + threshold**2) * above - threshold * density
