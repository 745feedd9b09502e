"""Results of the scene as a report to keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.honesty import notice

if TYPE_CHECKING:
    from abdominal_oncology.report import Part, Report, ReportTable


def table_part(node: Any) -> ReportTable:
    """A table node as a part of a report, with its units."""
    from abdominal_oncology.report import ReportTable
    from abdominal_oncology.scene.tables import table_from_node

    table = table_from_node(node)
    return ReportTable(node.GetName(), node.GetName(), table.rows, table.units)


def report_of_tables(
    title: str, nodes: Sequence[Any], more: Sequence[Part] = (), cautions: Sequence[str] = ()
) -> Report:
    """Table nodes (None is left out), then whatever else belongs to the report."""
    from abdominal_oncology.report import Report

    return Report(title, notice(), [*(table_part(node) for node in nodes if node is not None), *more], cautions)
