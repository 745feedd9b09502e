"""The source paper's fusion at work: a logistic regression over network and handcrafted features, and over ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Literal

from abdominal_oncology.errors import InvalidInputError

Part = Literal["dlf", "hf", "dlf+hf", "hf+lf", "dlf+hf+lf"]

_NETWORKS = ("p_hcc", "p_aphe", "p_ec", "p_npw")
_HANDCRAFTED = ("f_aphe", "f_ec", "f_npw")
_CHANCES = ("c_aphe", "c_ec", "c_npw")

PARTS: Mapping[Part, tuple[str, ...]] = MappingProxyType(
    {
        "dlf": (*_NETWORKS, "size"),
        "hf": (*_HANDCRAFTED, "size"),
        "dlf+hf": (*_NETWORKS, *_HANDCRAFTED, "size"),
        "hf+lf": (*_HANDCRAFTED, "size", *_CHANCES),
        "dlf+hf+lf": (*_NETWORKS, *_HANDCRAFTED, "size", *_CHANCES),
    }
)
"""Which inputs each regression takes: of the networks (DLF), the paper's handcrafted features (HF), or both; each with
the size (mm). LF, which is not in the paper, are the chances that our own measurements give to the three LI-RADS
features (see :mod:`.features.findings`)."""

INPUTS = PARTS["dlf+hf+lf"]

WIDEST: tuple[Part, ...] = ("dlf+hf+lf", "dlf+hf", "hf+lf", "hf", "dlf")
"""Whose answer counts: the first whose inputs are all known."""


@dataclass(frozen=True)
class FusedModel:
    """log-odds of HCC = intercept + Σ coefficient · (value − mean) / scale, one of each per input.

    ``regularisation`` is the inverse strength C that the inner cross-validation chose, ``intervals`` the 95 % interval
    of each coefficient, resampling patients.

    >>> model = FusedModel(("size",), (20.0,), (10.0,), (0.7,), 0.0, 1.0, ((0.2, 1.1),))
    >>> round(model.probability({"size": 30.0}), 3), model.contributions({"size": 30.0})
    (0.668, {'size': 0.7})
    """

    inputs: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    regularisation: float
    intervals: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        count = len(self.inputs)
        lengths = (len(self.mean), len(self.scale), len(self.coefficients), len(self.intervals) or count)
        if not count or any(length != count for length in lengths):
            raise _damaged(f"a fusion of {count} inputs has {lengths} means, scales, coefficients and intervals")
        unknown = [name for name in self.inputs if name not in INPUTS]
        if unknown:
            raise _damaged(f"a fusion has an unknown input {unknown[0]!r}")
        numbers = (*self.mean, *self.scale, *self.coefficients, self.intercept)
        if not all(math.isfinite(number) for number in numbers) or min(self.scale) <= 0:
            raise _damaged("a fusion holds numbers that are not finite, or a scale that is not positive")

    def contributions(self, values: Mapping[str, float]) -> dict[str, float]:
        """What each input adds to the log-odds, compared with the average lesion of the training."""
        missing = [name for name in self.inputs if name not in values or not math.isfinite(values[name])]
        if missing:
            raise InvalidInputError(
                f"the fusion lacks {', '.join(missing)}", remedy="use the part of the fusion whose inputs are known"
            )
        rows = zip(self.inputs, self.mean, self.scale, self.coefficients, strict=True)
        return {name: beta * (values[name] - mean) / scale for name, mean, scale, beta in rows}

    def probability(self, values: Mapping[str, float]) -> float:
        """Probability of HCC. ``values``: probabilities of the networks, HU, HU² and mm, by the names of INPUTS."""
        log_odds = self.intercept + sum(self.contributions(values).values())
        return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0

    def to_table(self) -> dict[str, Any]:
        """As a bundle's facts keep it (JSON)."""
        table = {each.name: getattr(self, each.name) for each in fields(self)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in table.items()} | {
            "intervals": [list(pair) for pair in self.intervals]
        }

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> FusedModel:
        """From :meth:`to_table`; a table that is not one is refused by name."""
        try:
            return cls(
                tuple(str(name) for name in table["inputs"]),
                _floats(table["mean"]),
                _floats(table["scale"]),
                _floats(table["coefficients"]),
                float(table["intercept"]),
                float(table["regularisation"]),
                tuple((float(low), float(high)) for low, high in table.get("intervals", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(f"a fusion cannot be read: {error}") from error


@dataclass(frozen=True)
class Fusion:
    """The regression of each part, as a bundle's ``decision["fusion"]`` holds them."""

    models: Mapping[Part, FusedModel]

    def best(self, values: Mapping[str, float], among: tuple[Part, ...] = WIDEST) -> tuple[Part, float] | None:
        """The first part whose inputs are all known, and its probability of HCC; None where no part can answer."""
        for part in among:
            model = self.models.get(part)
            if model is not None and all(math.isfinite(values.get(name, math.nan)) for name in model.inputs):
                return part, model.probability(values)
        return None

    def to_table(self) -> dict[str, Any]:
        return {part: model.to_table() for part, model in self.models.items()}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Fusion:
        if not isinstance(table, Mapping):
            raise _damaged(f"a fusion is a table of parts, not {type(table).__name__}")
        models: dict[Part, FusedModel] = {}
        for part in PARTS:
            if part in table:
                models[part] = FusedModel.from_table(table[part])
        if not models:
            raise _damaged(f"a fusion has none of the parts {', '.join(PARTS)}")
        return cls(models)


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _damaged(problem: str) -> InvalidInputError:
    return InvalidInputError(problem, where="the bundle's decision table", remedy="get the bundle again")
