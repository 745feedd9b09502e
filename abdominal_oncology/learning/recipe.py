"""Recipe: everything that defines a training besides its data. One frozen table, YAML in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.files import write_atomically
from abdominal_oncology.learning.config import TrainConfig, read_yaml_table, to_yaml
from abdominal_oncology.plain import as_plain

Sampler = Literal["shuffled", "oversampled", "balanced", "p-by-k"]


@dataclass(frozen=True)
class LossTerm:
    """One loss by its registered name, its share in the sum, and its options."""

    name: str
    weight: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """``preparation`` is the task's own table; ``augmentation`` a pipeline's name, a list of operations, or a table.

    ``question`` names the manifest's label column (``label.<question>``) where it is not the task's own. ``also`` names
    further ones, ``absent`` or ``present``: they follow the classes in the label rows of losses that learn them, too.

    ``mask_channels`` are input channels that hold masks: moved by augmentations, never blurred or brightened.

    ``per_class`` belongs to the ``p-by-k`` sampler: each batch holds ``batch // per_class`` classes.

    ``before`` is a training that comes first, on the same samples; its weights, as far as they fit, begin this one.

    >>> recipe = Recipe("phase", "resnet-18", ("a", "b"), (LossTerm("focal"),), TrainConfig(epochs=1))
    >>> Recipe.from_mapping(recipe.to_mapping()) == recipe
    True
    """

    task: str
    network: str
    classes: tuple[str, ...]
    loss: tuple[LossTerm, ...]
    train: TrainConfig
    network_options: Mapping[str, Any] = field(default_factory=dict)
    preparation: Mapping[str, Any] = field(default_factory=dict)
    augmentation: str | Mapping[str, Any] | tuple[str | Mapping[str, Any], ...] = "none"
    mask_channels: tuple[int, ...] = ()
    sampler: Sampler = "shuffled"
    batch: int = 32
    per_class: int = 4
    question: str = ""
    also: tuple[str, ...] = ()
    before: Recipe | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(str.__str__(each) for each in self.classes))  # enums to plain text
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise _wrong("classes", "name at least two different classes")
        if not self.loss:
            raise _wrong("loss", "name at least one loss")
        if self.sampler not in get_args(Sampler):
            raise _wrong("sampler", f"must be one of {', '.join(get_args(Sampler))}, not {self.sampler!r}")
        if self.batch < 1 or self.per_class < 1:
            raise _wrong("batch", "must be positive")
        if self.before is not None:
            theirs = (self.before.task, self.before.classes, dict(self.before.preparation))
            if theirs != (self.task, self.classes, dict(self.preparation)):
                raise _wrong("before", "must have the same task, classes and preparation")

    def with_train(self, **changes: Any) -> Recipe:
        """The same with other settings of the training loop."""
        return replace(self, train=replace(self.train, **changes))

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Recipe:
        known = [each.name for each in fields(cls)]
        unknown = [key for key in values if key not in known]
        if unknown:
            raise _wrong(unknown[0], f"is not a setting; there are {', '.join(known)}")
        missing = [key for key in ("task", "network", "classes", "loss", "train") if key not in values]
        if missing:
            raise _wrong(missing[0], "is missing")
        table = dict(values)
        table["classes"] = tuple(str(each) for each in _list("classes", values["classes"]))
        table["loss"] = tuple(_term(each) for each in _list("loss", values["loss"]))
        table["train"] = TrainConfig.from_mapping(_table("train", values["train"]))
        for key in ("network_options", "preparation"):
            table[key] = _table(key, values.get(key) or {})
        if isinstance(values.get("augmentation"), list | tuple):
            table["augmentation"] = tuple(values["augmentation"])
        table["also"] = tuple(str(each) for each in _list("also", values.get("also") or ()))
        table["mask_channels"] = tuple(int(each) for each in values.get("mask_channels", ()))
        before = values.get("before")
        table["before"] = None if before is None else cls.from_mapping(_table("before", before))
        return cls(**table)

    @classmethod
    def from_yaml(cls, path: Path) -> Recipe:
        return cls.from_mapping(read_yaml_table(path))

    def write_yaml(self, path: Path) -> None:
        write_atomically(path, to_yaml(as_plain(self.to_mapping())))


def _wrong(key: str, problem: str) -> InvalidInputError:
    return InvalidInputError(problem, where=f"recipe setting {key!r}", remedy="correct the recipe")


def _list(key: str, value: Any) -> Sequence[Any]:
    """A single name may stand for a list of one."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list | tuple):
        raise _wrong(key, f"must be a list, not {value!r}")
    return value


def _table(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(key, f"must be a table of settings, not {value!r}")
    return dict(value)


def _term(value: Any) -> LossTerm:
    if isinstance(value, str):
        return LossTerm(value)
    table = _table("loss", value)
    unknown = [key for key in table if key not in ("name", "weight", "options")]
    if unknown or "name" not in table:
        raise _wrong("loss", "each term has name, and may have weight and options")
    return LossTerm(str(table["name"]), float(table.get("weight", 1.0)), _table("loss", table.get("options") or {}))
