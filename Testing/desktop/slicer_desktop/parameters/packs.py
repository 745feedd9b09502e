"""``@parameterPack``: several parameters as one object, also nested; inside of a parameter node it writes through."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import slicer

from slicer_desktop.parameters.serializers import Serializer, serializer_of, split
from slicer_desktop.parameters.validators import Default, IsInstance, NotNone


class Parameter:
    """One declared name: its type, serializer and default."""

    def __init__(self, owner: type, name: str, kind: Any) -> None:
        self.name = name
        self.kind = kind
        self.serializer = serializer_of(kind)
        noted = [each.value for each in split(kind)[1] if isinstance(each, Default)]
        declared = owner.__dict__.get(name, noted[0] if noted else None)
        given = name in owner.__dict__ or noted
        self._default = declared if given else self.serializer.default()
        self.serializer.validate(self._default)

    def default(self) -> Any:
        """A fresh one: lists and packs are not shared."""
        made = self._default
        if isinstance(made, list | dict):
            return made.copy()
        return type(made)(**values_of(made)) if hasattr(made, "allParameters") else made


def declared(owner: type) -> dict[str, Parameter]:
    hints = typing.get_type_hints(owner, include_extras=True)
    return {name: Parameter(owner, name, kind) for name, kind in hints.items()}


def parameter_pack(kind: type | None = None) -> Any:
    """The class decorator."""
    return _made_pack if kind is None else _made_pack(kind)


def _made_pack(kind: type) -> type:
    parameters = declared(kind)
    if not parameters:
        raise ValueError("Unable to find any members in parameterPack")

    def begin(self: Any, *values: Any, **named: Any) -> None:
        given = dict(zip(parameters, values, strict=False)) | named
        unknown = given.keys() - parameters.keys()
        if unknown or len(values) > len(parameters):
            raise TypeError(f"__init__() got an unexpected argument {sorted(unknown)}")
        self._values, self._save = {}, None
        for name, each in parameters.items():
            setattr(self, name, given.get(name, each.default()))

    for name, each in parameters.items():
        setattr(kind, name, _through(each))
    if "__init__" not in kind.__dict__:
        kind.__init__ = begin  # type: ignore[misc]
    else:
        own = kind.__dict__["__init__"]

        def both(self: Any, *values: Any, **named: Any) -> None:
            begin(self)
            own(self, *values, **named)

        kind.__init__ = both  # type: ignore[misc]
    added: dict[str, Any] = {
        "allParameters": parameters,
        "getValue": get_value,
        "setValue": set_value,
        "dataType": staticmethod(lambda name: data_type(parameters, name)),
        "pack_serializer": classmethod(lambda cls: PackSerializer(cls)),
        "__eq__": lambda self, other: type(self) is type(other) and values_of(self) == values_of(other),
        "__hash__": None,
        "__repr__": lambda self: f"{kind.__name__}({values_of(self)})",
    }
    for name, value in added.items():
        setattr(kind, name, value)
    return kind


def _through(parameter: Parameter) -> property:
    def read(self: Any) -> Any:
        return self._values[parameter.name]

    def write(self: Any, value: Any) -> None:
        parameter.serializer.validate(value)
        self._values[parameter.name] = value
        if self._save is not None:
            self._save(self)

    return property(read, write)


def values_of(pack: Any) -> dict[str, Any]:
    return {name: getattr(pack, name) for name in pack.allParameters}


def get_value(owner: Any, name: str) -> Any:
    """By a dotted name, through nested packs."""
    top, _, rest = name.partition(".")
    check(owner.allParameters, name)
    return get_value(getattr(owner, top), rest) if rest else getattr(owner, top)


def set_value(owner: Any, name: str, value: Any) -> None:
    top, _, rest = name.partition(".")
    check(owner.allParameters, name)
    if rest:
        set_value(getattr(owner, top), rest, value)
    else:
        setattr(owner, top, value)


def data_type(parameters: dict[str, Parameter], name: str) -> Any:
    """The declared type, with its annotations, of a dotted name."""
    top, _, rest = name.partition(".")
    check(parameters, name)
    kind = parameters[top].kind
    return data_type(split(kind)[0].allParameters, rest) if rest else kind


def check(parameters: dict[str, Parameter], name: str) -> None:
    """ValueError for a name that was not declared."""
    top, _, rest = name.partition(".")
    if top not in parameters:
        raise ValueError(f"Cannot find a param with the given name: {top}\n  Found parameters {list(parameters)}")
    if rest:
        inner = getattr(split(parameters[top].kind)[0], "allParameters", None)
        if inner is None:
            raise ValueError(f"{top} is not a parameter pack but expects to have '{rest}'")
        check(inner, rest)


class PackSerializer(Serializer):
    """Members under ``name.member``."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self.validators = (NotNone(), IsInstance(kind))

    def default(self) -> Any:
        return self._kind()

    def has(self, node: Any, name: str) -> bool:
        first = next(iter(self._kind.allParameters.values()))
        return bool(first.serializer.has(node, f"{name}.{first.name}"))

    def put(self, node: Any, name: str, value: Any) -> None:
        with slicer.util.NodeModify(node):
            for each in self._kind.allParameters.values():
                each.serializer.write(node, f"{name}.{each.name}", getattr(value, each.name))

    def get(self, node: Any, name: str) -> Any:
        parameters = self._kind.allParameters.values()
        found = self._kind()
        found._values = {each.name: each.serializer.get(node, f"{name}.{each.name}") for each in parameters}
        for each in found._values.values():
            if hasattr(each, "allParameters"):
                each._save = _outer(each._save, found)
        found._save = lambda pack: self.put(node, name, pack)
        return found

    def drop(self, node: Any, name: str) -> None:
        for each in self._kind.allParameters.values():
            each.serializer.drop(node, f"{name}.{each.name}")


def _outer(inner: Callable[[Any], None], outer: Any) -> Callable[[Any], None]:
    def save(pack: Any) -> None:
        inner(pack)
        outer._save(outer)

    return save
