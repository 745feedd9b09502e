"""Result tables, plots and facts as nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from abdominal_oncology.errors import InvalidInputError, SceneError  # noqa: E402
from abdominal_oncology.scene import (  # noqa: E402
    fact,
    facts,
    plot_node_from_table,
    remove_fact,
    series_of_plot,
    set_fact,
    table_from_node,
    table_node_from_rows,
)

many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
text = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r″⏎\u2003"), max_size=12)
cells = st.sampled_from(
    [
        st.integers(-(2**62), 2**62),
        st.floats(allow_nan=False, allow_infinity=True),
        st.booleans(),
        text,
        st.one_of(st.none(), st.booleans()),
        st.one_of(st.none(), st.floats(allow_nan=False)),
        st.one_of(st.none(), st.integers(-(2**40), 2**40)),
    ]
)


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, object]]:
    kinds = [draw(cells) for _ in range(draw(st.integers(1, 5)))]
    count = draw(st.integers(1, 5))
    return [{f"column {number}": draw(kind) for number, kind in enumerate(kinds)} for _ in range(count)]


@many
@given(tables())
def test_rows_come_back_as_they_went(rows) -> None:
    back = table_from_node(table_node_from_rows(rows, "results"))
    for row, original in zip(back.rows, rows, strict=True):
        for column, value in original.items():
            if value is None and row[column] == "":
                assert all(each[column] is None for each in rows)  # nothing but missing values: a text column
            else:
                assert row[column] == value
                floats = any(isinstance(each[column], float) for each in rows)
                assert floats or type(row[column]) is type(value)


def test_numbers_are_numbers_with_units_and_descriptions() -> None:
    rows = [{"organ": "liver", "mean": 101.25, "voxels": 12, "enhancing": True}, {"organ": "aorta", "mean": None}]
    rows[1] |= {"voxels": 3, "enhancing": False}
    units = {"mean": "[hnsf'U]", "voxels": "1"}
    node = table_node_from_rows(rows, "organs", units=units, descriptions={"mean": 'mean in the "core"\tof the organ'})
    table = table_from_node(node)
    assert table.rows == tuple(rows)
    assert table.units == units
    assert table.descriptions == {"mean": 'mean in the "core"\tof the organ'}
    column = node.GetTable().GetColumnByName("mean")
    assert column.IsA("vtkDoubleArray")
    assert math.isnan(column.GetValue(1))
    assert node.GetColumnTitle("mean") == "mean [HU]"
    assert slicer.util.arrayFromTableColumn(node, "voxels").tolist() == [12, 3]


def test_numpy_values_and_missing_keys_are_welcome() -> None:
    table = table_from_node(table_node_from_rows([{"a": np.float32(0.5), "b": np.int64(7)}, {"a": 1}], "mixed"))
    assert table.rows == ({"a": 0.5, "b": 7}, {"a": 1.0, "b": None})


@pytest.mark.parametrize(
    ("rows", "options", "reason"),
    [
        ([], {}, "at least one row"),
        ([{}], {}, "at least one row"),
        ([{"a": 1}], {"units": {"b": "mm"}}, "no column 'b'"),
        ([{"a": 1}, {"a": "x"}], {}, "column 'a' holds int, str"),
        ([{"a": True}, {"a": 2}], {}, "column 'a' holds bool, int"),
        ([{"a": [1, 2]}], {}, "column 'a' holds list"),
        ([{'say "a"': 1}], {}, "name of a column"),
        ([{"": 1}], {}, "name of a column"),
    ],
)
def test_bad_tables_are_refused(scene, rows, options, reason) -> None:
    before = scene.GetNumberOfNodesByClass("vtkMRMLTableNode")
    with pytest.raises(InvalidInputError, match=reason):
        table_node_from_rows(rows, "bad", **options)
    assert scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == before


def test_empty_and_deleted_table_nodes_are_named(scene) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", "hollow")
    with pytest.raises(SceneError, match=r"no columns.*hollow"):
        table_from_node(node)
    scene.RemoveNode(node)
    with pytest.raises(SceneError, match="not in the scene"):
        table_from_node(node)


def test_a_table_made_by_others_is_read() -> None:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "theirs")
    slicer.util.updateTableFromArray(node, np.array([[1.0, 2.0], [3.0, math.nan]]), ["x", "y"])
    assert table_from_node(node).rows == ({"x": 1.0, "y": 2.0}, {"x": 3.0, "y": None})


def test_a_plot_draws_columns_with_their_units() -> None:
    rows = [{"time": 10.0 * n, "aorta": 50.0 * n, "liver": 20.0 * n, "phase": f"p{n}"} for n in range(4)]
    table = table_node_from_rows(rows, "curves", units={"time": "s", "aorta": "[hnsf'U]", "liver": "[hnsf'U]"})
    chart = plot_node_from_table(table, "time", ["aorta", "liver"], "enhancement", labels="phase")
    assert (chart.GetXAxisTitle(), chart.GetYAxisTitle()) == ("time [s]", "HU")
    drawn = series_of_plot(chart)
    assert [each.GetYColumnName() for each in drawn] == ["aorta", "liver"]
    assert all(each.GetTableNode() is table and each.GetXColumnName() == "time" for each in drawn)
    assert drawn[0].GetColor() != drawn[1].GetColor()
    points = plot_node_from_table(table, "aorta", ["liver"], "cloud", kind="scatter")
    assert series_of_plot(points)[0].GetLineStyle() == slicer.vtkMRMLPlotSeriesNode.LineStyleNone
    assert points.GetYAxisTitle() == "liver [HU]"
    with pytest.raises(InvalidInputError, match="no column 'spleen'"):
        plot_node_from_table(table, "time", ["spleen"], "missing")
    with pytest.raises(InvalidInputError, match="at least one column"):
        plot_node_from_table(table, "time", [], "nothing")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@many
@given(json_values)
def test_facts_come_back_as_they_went(value) -> None:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    set_fact(node, "Phase", value)
    assert fact(node, "Phase") == value
    assert facts(node) == {"Phase": value}
    remove_fact(node, "Phase")
    assert fact(node, "Phase", "none") == "none"


def test_a_fact_can_be_read_by_a_person_and_bad_ones_are_refused(scene) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", "t")
    set_fact(node, "Phase", "portal venous")
    assert node.GetAttribute("AbdominalOncology.Phase") == "portal venous"
    with pytest.raises(InvalidInputError, match="plain data"):
        set_fact(node, "Phase", {1, 2})
    with pytest.raises(InvalidInputError, match="plain data"):
        set_fact(node, "Phase", math.nan)
    with pytest.raises(InvalidInputError, match="name of a fact"):
        set_fact(node, "two words", 1)
    scene.RemoveNode(node)
    with pytest.raises(SceneError, match="not in the scene"):
        set_fact(node, "Phase", "late")
