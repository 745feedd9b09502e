"""How a training runs: one frozen table, read from YAML, and written back resolved into the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from abdominal_oncology.errors import InvalidInputError, MissingDependencyError, MissingInputError
from abdominal_oncology.files import write_atomically

Optimizer = Literal["adam", "adamw", "sgd"]
Schedule = Literal["cosine", "constant", "step"]
Precision = Literal["auto", "32", "bf16", "16"]


@dataclass(frozen=True)
class TrainConfig:
    """Everything the training loop decides by. Exactly one of ``epochs`` and ``iterations`` is positive.

    An iteration is one step of the optimiser; ``accumulate`` batches make one. ``warmup`` is a share of all
    iterations in which the rate rises linearly to ``learning_rate``. ``step_every`` and ``step_factor`` belong to the
    ``step`` schedule (in epochs). Validation and checkpoints count in epochs when ``epochs`` is given, else in
    iterations. ``patience`` counts validations without a better ``best_metric``; 0 never stops early.

    >>> TrainConfig.from_mapping({"epochs": 15, "learning_rate": 0.01, "warmup": 0.1}).schedule
    'cosine'
    """

    epochs: int = 0
    iterations: int = 0
    optimizer: Optimizer = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.9
    schedule: Schedule = "cosine"
    warmup: float = 0.0
    step_every: int = 10
    step_factor: float = 0.1
    accumulate: int = 1
    clip_norm: float = 0.0
    precision: Precision = "auto"
    validate_every: int = 1
    checkpoint_every: int = 1
    best_metric: str = "macro_f1"
    best_is: Literal["highest", "lowest"] = "highest"
    patience: int = 0
    deterministic: bool = False
    seed: int = 0
    tensorboard: bool = True

    def __post_init__(self) -> None:
        for key, kind in get_type_hints(type(self)).items():
            _check_type(key, getattr(self, key), kind)
        if (self.epochs > 0) == (self.iterations > 0):
            raise _wrong("epochs", "give either epochs or iterations, one of them positive")
        for key in ("learning_rate", "accumulate", "validate_every", "checkpoint_every", "step_every", "step_factor"):
            if getattr(self, key) <= 0:
                raise _wrong(key, "must be positive")
        for key in ("epochs", "iterations", "weight_decay", "momentum", "clip_norm", "patience", "seed"):
            if getattr(self, key) < 0:
                raise _wrong(key, "must not be negative")
        if not 0 <= self.warmup < 1:
            raise _wrong("warmup", "is a share of all iterations, 0 up to but not including 1")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TrainConfig:
        known = {f.name for f in fields(cls)}
        unknown = [key for key in values if key not in known]
        if unknown:
            raise _wrong(unknown[0], f"is not a setting; there are {', '.join(sorted(known))}")
        hints = get_type_hints(cls)
        # YAML reads 1 as a whole number and 1e-3 as text; both are meant as numbers where a number is wanted
        return cls(**{key: _number(value) if hints[key] is float else value for key, value in values.items()})

    @classmethod
    def from_yaml(cls, path: Path) -> TrainConfig:
        return cls.from_mapping(read_yaml_table(path))

    def write_yaml(self, path: Path) -> None:
        write_atomically(path, to_yaml(asdict(self)))


def read_yaml_table(path: Path) -> dict[str, Any]:
    """The table of settings in a YAML file; no code in it is run."""
    if not path.is_file():
        raise MissingInputError("there is no such configuration", where=path)
    try:
        values = _yaml().safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, _yaml().YAMLError) as error:
        raise InvalidInputError(f"this is not YAML: {error}", where=path) from error
    if not isinstance(values, dict):
        raise InvalidInputError("a configuration is a table of settings", where=path)
    return values


def to_yaml(values: Mapping[str, Any]) -> bytes:
    text: str = _yaml().safe_dump(values, sort_keys=False, allow_unicode=True)
    return text.encode()


def _wrong(key: str, problem: str) -> InvalidInputError:
    return InvalidInputError(problem, where=f"training setting {key!r}", remedy="correct the configuration")


def _check_type(key: str, value: Any, kind: Any) -> None:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise _wrong(key, f"must be one of {', '.join(get_args(kind))}, not {value!r}")
        return
    expected = (int, float) if kind is float else kind
    if not isinstance(value, expected) or (isinstance(value, bool) and kind is not bool):
        raise _wrong(key, f"must be of type {kind.__name__}, not {value!r}")


def _number(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as missing:
        raise MissingDependencyError("training configurations need PyYAML", remedy="install pyyaml") from missing
    return yaml
