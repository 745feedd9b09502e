"""Result tables: rows of plain values ↔ table nodes whose columns keep their type, unit and description."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import vtk

from abdominal_oncology.errors import InvalidInputError, SceneError
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.hierarchy import item_of, place_beside
from abdominal_oncology.scene.nodes import Node, describe, require_node

_KIND = "AbdominalOncology.Kind"  # column property: what Python type the values had

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Table:
    """Rows with the same keys; ``units`` in UCUM (``mm``, ``[hnsf'U]``, ``s``, ``1``) by column."""

    rows: tuple[Mapping[str, Value], ...]
    units: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in the order in which rows bring them up."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row))


def table_node_from_rows(
    rows: Sequence[Mapping[str, Value]],
    name: str,
    *,
    units: Mapping[str, str] | None = None,
    descriptions: Mapping[str, str] | None = None,
    beside: Node = None,
) -> Node:
    """A table node: numbers stay numbers, True and False too, and a missing number is an empty cell (NaN).

    A missing key is a missing value. ``units`` and ``descriptions`` by column; one for a column that does not exist is
    an error, because it is a typing mistake.
    """
    table = Table(tuple(rows), dict(units or {}), dict(descriptions or {}))
    columns = table.columns
    if not columns:
        raise InvalidInputError("a table needs at least one row with one column")
    for key in (*table.units, *table.descriptions):
        if key not in columns:
            raise InvalidInputError(f"there is no column {key!r}", remedy=f"use one of {', '.join(columns)}")
    arrays = [(column, *_array(column, [row.get(column) for row in table.rows])) for column in columns]
    if beside is not None:
        require_node(beside, "vtkMRMLNode", "source node")
    node = boot().AddNewNodeByClass("vtkMRMLTableNode", name)
    node.SetUseColumnTitleAsColumnHeader(True)
    for column, array, kind in arrays:
        node.AddColumn(array)
        node.SetColumnProperty(column, _KIND, kind)
        node.SetColumnUnitLabel(column, table.units.get(column, ""))
        node.SetColumnDescription(column, table.descriptions.get(column, ""))
        unit = table.units.get(column, "")
        node.SetColumnTitle(column, f"{column} [{unit}]" if unit not in ("", "1") else column)
    if beside is None:
        item_of(node)
    else:
        place_beside(node, beside)
    return node


def table_from_node(node: Node) -> Table:
    """Rows, units and descriptions of a table node; a NaN comes back as None."""
    require_node(node, "vtkMRMLTableNode", "table")
    table = node.GetTable()
    if table is None or node.GetNumberOfColumns() == 0:
        raise SceneError("the table has no columns", where=describe(node), remedy="choose a table with results")
    names = [node.GetColumnName(index) for index in range(node.GetNumberOfColumns())]
    columns = {
        name: _values(table.GetColumn(index), node.GetColumnProperty(name, _KIND) or "")
        for index, name in enumerate(names)
    }
    rows = tuple({name: columns[name][row] for name in names} for row in range(node.GetNumberOfRows()))
    units = {name: node.GetColumnUnitLabel(name) for name in names if node.GetColumnUnitLabel(name)}
    texts = {name: node.GetColumnDescription(name) for name in names if node.GetColumnDescription(name)}
    return Table(rows, units, texts)


def _array(column: str, values: Sequence[Any]) -> tuple[Any, str]:
    """A VTK column for the values, and the kind they were of."""
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    present = [value for value in plain if value is not None]
    if all(isinstance(value, bool) for value in present) and len(present) == len(plain):
        array, kind, cells = vtk.vtkIntArray(), "bool", [int(value) for value in plain]
    elif all(isinstance(value, int) and not isinstance(value, bool) for value in present) and _fits(present, plain):
        array, kind, cells = vtk.vtkIntArray(), "int", plain
    elif present and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in present):
        kind = "int" if all(isinstance(value, int) for value in present) else "float"
        array, cells = vtk.vtkDoubleArray(), [math.nan if value is None else float(value) for value in plain]
    elif all(isinstance(value, (str, bool)) for value in present):
        array, kind, cells = vtk.vtkStringArray(), "text", ["" if value is None else str(value) for value in plain]
    else:
        kinds = ", ".join(sorted({type(value).__name__ for value in present}))
        raise InvalidInputError(
            f"column {column!r} mixes {kinds}",
            remedy="give each column one kind of value: numbers, text, or True/False",
        )
    array.SetName(column)
    for cell in cells:
        array.InsertNextValue(cell)
    return array, kind


def _fits(present: Sequence[int], plain: Sequence[Any]) -> bool:
    limits = np.iinfo(np.int32)
    return len(present) == len(plain) and all(limits.min <= value <= limits.max for value in present)


def _values(array: Any, kind: str) -> list[Value]:
    cells = [array.GetValue(row) for row in range(array.GetNumberOfValues())]
    if kind == "bool":
        return [bool(cell) for cell in cells]
    values: list[Value] = []
    for cell in cells:
        if isinstance(cell, float):
            values.append(None if math.isnan(cell) else int(cell) if kind == "int" else cell)
        else:
            values.append(cell)
    return values
