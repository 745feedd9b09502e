"""Typed values in a ``vtkMRMLScriptedModuleNode``: text parameters and node references, so that a scene keeps them."""

from __future__ import annotations

import enum
import pathlib
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterator, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any

import slicer

from slicer_desktop.parameters.validators import IsInstance, NotNone, Validator


@dataclass(frozen=True)
class FloatRange:
    """A lower and an upper number."""

    minimum: float
    maximum: float


class Serializer(ABC):
    """Writes one value under a name and reads it back."""

    validators: tuple[Validator, ...] = ()

    def validate(self, value: Any) -> None:
        for each in self.validators:
            each.validate(value)

    @abstractmethod
    def default(self) -> Any: ...

    @abstractmethod
    def has(self, node: Any, name: str) -> bool: ...

    @abstractmethod
    def put(self, node: Any, name: str, value: Any) -> None: ...

    @abstractmethod
    def get(self, node: Any, name: str) -> Any: ...

    @abstractmethod
    def drop(self, node: Any, name: str) -> None: ...

    def write(self, node: Any, name: str, value: Any) -> None:
        """Validated first: a refused value leaves the node as it was."""
        self.validate(value)
        self.put(node, name, value)


class _Text(Serializer):
    """One text parameter."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.validators = (NotNone(), IsInstance((int, float) if kind is float else kind))

    def default(self) -> Any:
        return self.kind()

    def has(self, node: Any, name: str) -> bool:
        return bool(node.HasParameter(name))

    def put(self, node: Any, name: str, value: Any) -> None:
        node.SetParameter(name, str(value))

    def get(self, node: Any, name: str) -> Any:
        return self.kind(node.GetParameter(name))

    def drop(self, node: Any, name: str) -> None:
        node.UnsetParameter(name)


class _Bool(_Text):
    def put(self, node: Any, name: str, value: Any) -> None:
        node.SetParameter(name, "True" if value else "False")

    def get(self, node: Any, name: str) -> bool:
        return bool(node.GetParameter(name) == "True")


class _Enum(_Text):
    def default(self) -> Any:
        return next(iter(self.kind))

    def put(self, node: Any, name: str, value: Any) -> None:
        node.SetParameter(name, value.name)

    def get(self, node: Any, name: str) -> Any:
        return self.kind[node.GetParameter(name)]


class _Node(_Text):
    """A node reference; the empty parameter of the same name says that it was set, to None perhaps."""

    def __init__(self, kind: Any) -> None:
        super().__init__(kind)
        self.validators = (IsInstance(kind),)

    def default(self) -> None:
        return None

    def put(self, node: Any, name: str, value: Any) -> None:
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def get(self, node: Any, name: str) -> Any:
        return node.GetNodeReference(name)

    def drop(self, node: Any, name: str) -> None:
        node.UnsetParameter(name)
        node.RemoveNodeReferenceIDs(name)


class _None(_Text):
    def __init__(self) -> None:
        super().__init__(type(None))
        self.validators = (_IsNone(),)

    def get(self, node: Any, name: str) -> None:
        return None


class _IsNone(Validator):
    def validate(self, value: Any) -> None:
        if value is not None:
            raise ValueError("Value must be None")


class _Range(Serializer):
    def __init__(self) -> None:
        self._number = _Text(float)
        self.validators = (NotNone(), IsInstance(FloatRange))

    def default(self) -> FloatRange:
        return FloatRange(0.0, 0.0)

    def has(self, node: Any, name: str) -> bool:
        return self._number.has(node, f"{name}.min")

    def put(self, node: Any, name: str, value: Any) -> None:
        self._number.put(node, f"{name}.min", value.minimum)
        self._number.put(node, f"{name}.max", value.maximum)

    def get(self, node: Any, name: str) -> FloatRange:
        return FloatRange(self._number.get(node, f"{name}.min"), self._number.get(node, f"{name}.max"))

    def drop(self, node: Any, name: str) -> None:
        self._number.drop(node, f"{name}.min")
        self._number.drop(node, f"{name}.max")


class _Sequence(Serializer):
    """Elements under ``name.0``, ``name.1`` …; a list with ``name.len`` before."""

    def __init__(self, elements: Sequence[Serializer], *, of_any_length: bool) -> None:
        self._elements = elements
        self._list = of_any_length
        self._length = _Text(int)
        self.validators = (NotNone(),)

    def default(self) -> Any:
        return [] if self._list else tuple(each.default() for each in self._elements)

    def has(self, node: Any, name: str) -> bool:
        return self._length.has(node, f"{name}.len") if self._list else self._elements[0].has(node, f"{name}.0")

    def put(self, node: Any, name: str, value: Any) -> None:
        value = list(value)
        if not self._list and len(value) != len(self._elements):
            raise ValueError(f"Expected {len(self._elements)} values, not {len(value)}")
        for index, each in enumerate(value):
            self._of(index).validate(each)
        with slicer.util.NodeModify(node):
            before = self._count(node, name)
            for index, each in enumerate(value):
                self._of(index).put(node, f"{name}.{index}", each)
            for index in range(len(value), before):
                self._of(index).drop(node, f"{name}.{index}")
            if self._list:
                self._length.put(node, f"{name}.len", len(value))

    def get(self, node: Any, name: str) -> Any:
        values = [self._of(index).get(node, f"{name}.{index}") for index in range(self._count(node, name))]
        return ObservedList(values, lambda changed: self.put(node, name, changed)) if self._list else tuple(values)

    def drop(self, node: Any, name: str) -> None:
        for index in range(self._count(node, name)):
            self._of(index).drop(node, f"{name}.{index}")
        self._length.drop(node, f"{name}.len")

    def _of(self, index: int) -> Serializer:
        return self._elements[0] if self._list else self._elements[index]

    def _count(self, node: Any, name: str) -> int:
        if not self._list:
            return len(self._elements)
        return self._length.get(node, f"{name}.len") if self.has(node, name) else 0


class ObservedList(MutableSequence[Any]):
    """A list whose changes are written to the node at once."""

    def __init__(self, values: list[Any], save: Any) -> None:
        self._values = values
        self._save = save

    def __getitem__(self, index: Any) -> Any:
        return self._values[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._changed([*self._values], lambda values: values.__setitem__(index, value))

    def __delitem__(self, index: Any) -> None:
        self._changed([*self._values], lambda values: values.__delitem__(index))

    def insert(self, index: int, value: Any) -> None:
        self._changed([*self._values], lambda values: values.insert(index, value))

    def _changed(self, values: list[Any], change: Any) -> None:
        change(values)
        self._save(values)
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        return self._values == (other._values if isinstance(other, ObservedList) else other)

    def __add__(self, other: object) -> Any:
        raise NotImplementedError("Adding an ObservedList is not supported. However, += is supported.")

    def __repr__(self) -> str:
        return f"ObservedList({self._values})"


class _Dict(Serializer):
    """Pairs in a list; what is read is a copy."""

    def __init__(self, key: Serializer, value: Serializer) -> None:
        self._pairs = _Sequence([_Sequence([key, value], of_any_length=False)], of_any_length=True)
        self.validators = (NotNone(),)

    def default(self) -> dict[Any, Any]:
        return {}

    def has(self, node: Any, name: str) -> bool:
        return self._pairs.has(node, name)

    def put(self, node: Any, name: str, value: Any) -> None:
        self._pairs.put(node, name, list(value.items()))

    def get(self, node: Any, name: str) -> dict[Any, Any]:
        return dict(self._pairs.get(node, name))

    def drop(self, node: Any, name: str) -> None:
        self._pairs.drop(node, name)


class _Union(Serializer):
    """The first of several types that takes the value."""

    def __init__(self, options: Sequence[Serializer]) -> None:
        self._options = options

    def default(self) -> Any:
        return None if isinstance(self._options[-1], _None) else self._options[0].default()

    def _of(self, value: Any) -> int:
        for index, each in enumerate(self._options):
            try:
                if value is not None or isinstance(each, _None | _Node):
                    each.validate(value)
                    return index
            except (TypeError, ValueError):
                continue
        raise TypeError(f"no type of the union takes {value!r}")

    def validate(self, value: Any) -> None:
        super().validate(value)
        self._of(value)

    def has(self, node: Any, name: str) -> bool:
        return any(each.has(node, f"{name}.{index}") for index, each in enumerate(self._options))

    def put(self, node: Any, name: str, value: Any) -> None:
        with slicer.util.NodeModify(node):
            self.drop(node, name)
            index = self._of(value)
            self._options[index].put(node, f"{name}.{index}", value)

    def get(self, node: Any, name: str) -> Any:
        for index, each in enumerate(self._options):
            if each.has(node, f"{name}.{index}"):
                return each.get(node, f"{name}.{index}")
        return self.default()

    def drop(self, node: Any, name: str) -> None:
        for index, each in enumerate(self._options):
            if each.has(node, f"{name}.{index}"):
                each.drop(node, f"{name}.{index}")


def split(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type and its annotations."""
    if typing.get_origin(kind) is typing.Annotated:
        plain, *notes = typing.get_args(kind)
        return plain, tuple(notes)
    return kind, ()


def serializer_of(kind: Any) -> Serializer:
    """For a possibly annotated type; TypeError for one that a parameter node cannot keep."""
    plain, notes = split(kind)
    made = _plain(plain)
    made.validators += tuple(each for each in notes if isinstance(each, Validator))
    return made


def _plain(kind: Any) -> Serializer:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _Union([_None() if each is type(None) else serializer_of(each) for each in inner])
    if origin is list:
        return _Sequence([serializer_of(inner[0])], of_any_length=True)
    if origin is tuple:
        return _Sequence([serializer_of(each) for each in inner], of_any_length=False)
    if origin is dict:
        return _Dict(serializer_of(inner[0]), serializer_of(inner[1]))
    if kind is FloatRange:
        return _Range()
    if kind is bool:
        return _Bool(bool)
    if isinstance(kind, type):
        if hasattr(kind, "allParameters"):
            return kind.pack_serializer()
        if issubclass(kind, slicer.vtkMRMLNode):
            return _Node(kind)
        if issubclass(kind, enum.Enum):
            return _Enum(kind)
        if kind in (int, float, str) or issubclass(kind, pathlib.PurePath):
            return _Text(kind)
    raise TypeError(f"Unable to create serializer for type: {kind}")
