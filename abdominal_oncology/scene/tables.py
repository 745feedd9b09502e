"""Result tables: rows of plain values ↔ table nodes whose columns keep their type, unit and description.

Slicer saves tables as tab-separated text: fractions keep six significant digits, and quotation marks, tabs and line
ends would break the file, so they are held as look-alikes (″, em space, ⏎) and turned back on reading.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import vtk

from abdominal_oncology.column_titles import title_of
from abdominal_oncology.errors import InvalidInputError, SceneError
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.hierarchy import item_of, place_beside
from abdominal_oncology.scene.nodes import Node, describe, require_node

_LOOK_ALIKES = {'"': "″", "\t": "\u2003", "\n": "⏎"}
_TO_NODE = str.maketrans(_LOOK_ALIKES)
_FROM_NODE = str.maketrans({alike: real for real, alike in _LOOK_ALIKES.items()})
_BOOLEANS: Mapping[bool | None, str] = {True: "true", False: "false", None: ""}  # in a column where some are missing
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
    """A table node: numbers stay numbers, True and False too; a missing number is NaN, a missing text is empty.

    A missing key is a missing value. ``units`` and ``descriptions`` by column; one for a column that does not exist is
    an error, because it is a typing mistake.
    """
    table = Table(tuple(rows), dict(units or {}), dict(descriptions or {}))
    arrays = _arrays(table)
    if beside is not None:
        require_node(beside, "vtkMRMLNode", "source node")
    node = boot().AddNewNodeByClass("vtkMRMLTableNode", name)
    node.SetUseColumnTitleAsColumnHeader(True)
    _add_columns(node, table, arrays)
    if beside is None:
        item_of(node)
    else:
        place_beside(node, beside)
    return node


def fill_table_node(node: Node, table: Table) -> None:
    """Other rows in a table node that was made by :func:`table_node_from_rows`; who shows it goes on showing it."""
    require_node(node, "vtkMRMLTableNode", "table")
    arrays = _arrays(table)
    before = node.StartModify()
    node.RemoveAllColumns()
    _add_columns(node, table, arrays)
    node.EndModify(before)


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
    texts = {name: node.GetColumnDescription(name).translate(_FROM_NODE) for name in names}
    return Table(rows, units, {name: text for name, text in texts.items() if text})


def _arrays(table: Table) -> list[tuple[str, Any, str]]:
    """Name, VTK column and kind of each column; what cannot be a table is refused before any node is touched."""
    columns = table.columns
    if not columns:
        raise InvalidInputError("a table needs at least one row with one column")
    for key in (*table.units, *table.descriptions):
        if key not in columns:
            raise InvalidInputError(f"there is no column {key!r}", remedy=f"use one of {', '.join(columns)}")
    for column in columns:
        if not column or column != column.translate(_TO_NODE):
            raise InvalidInputError(f"{column!r} cannot be the name of a column", remedy="use plain text")
    return [(column, *_array(column, [row.get(column) for row in table.rows])) for column in columns]


def _add_columns(node: Node, table: Table, arrays: Sequence[tuple[str, Any, str]]) -> None:
    for column, array, kind in arrays:
        node.AddColumn(array)
        node.SetColumnProperty(column, _KIND, kind)
        node.SetColumnUnitLabel(column, table.units.get(column, ""))
        node.SetColumnDescription(column, table.descriptions.get(column, "").translate(_TO_NODE))
        unit = table.units.get(column, "")
        node.SetColumnTitle(column, title_of(column, unit))


def _array(column: str, values: Sequence[Any]) -> tuple[Any, str]:
    """A VTK column for the values, and the kind they were of."""
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    kinds = {type(value) for value in plain} - {type(None)}
    whole = type(None) not in {type(value) for value in plain}
    array, kind, cells = _text_column(plain)
    if kinds == {bool} and whole:
        array, kind, cells = vtk.vtkIntArray(), "bool", [int(value) for value in plain]
    elif kinds == {bool}:
        array, kind, cells = vtk.vtkStringArray(), "bool", [_BOOLEANS[value] for value in plain]
    elif kinds == {int} and whole and max(map(abs, plain)) < 2**63:
        array, kind, cells = vtk.vtkLongLongArray(), "int", plain
    elif kinds and kinds <= {int, float}:
        cells = [math.nan if value is None else float(value) for value in plain]
        array, kind = vtk.vtkDoubleArray(), "int" if kinds == {int} else "float"
    elif not kinds <= {str}:
        names = ", ".join(sorted(each.__name__ for each in kinds))
        remedy = "give each column one kind of value: numbers, text, or True and False"
        raise InvalidInputError(f"column {column!r} holds {names}", remedy=remedy)
    array.SetName(column)
    for cell in cells:
        array.InsertNextValue(cell)
    return array, kind


def _text_column(values: Sequence[Any]) -> tuple[Any, str, list[Any]]:
    return vtk.vtkStringArray(), "text", ["" if value is None else str(value).translate(_TO_NODE) for value in values]


def _values(array: Any, kind: str) -> list[Value]:
    cells = [array.GetValue(row) for row in range(array.GetNumberOfValues())]
    if kind == "bool":
        by_text = {text: value for value, text in _BOOLEANS.items()}
        return [by_text.get(cell) if isinstance(cell, str) else bool(cell) for cell in cells]
    values: list[Value] = []
    for cell in cells:
        if isinstance(cell, float):
            values.append(None if math.isnan(cell) else int(cell) if kind == "int" else cell)
        else:
            values.append(cell.translate(_FROM_NODE) if isinstance(cell, str) else cell)
    return values
