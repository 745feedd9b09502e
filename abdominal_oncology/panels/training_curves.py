"""The curves of a training that goes on, as a table and a plot of the scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "Training curves"


class CurveNodes:
    """Rows are added while the run writes them; nodes that somebody has deleted are made anew."""

    def __init__(self) -> None:
        self.table: Any = None
        self.chart: Any = None
        self._seen: tuple[Path, int] | None = None

    def follow(self, output: Path) -> bool:
        """Read what was written since; True where there is something new to be seen."""
        from abdominal_oncology.learning.curves import read_curves
        from abdominal_oncology.scene.tables import Table, fill_table_node, table_node_from_rows

        path = newest_curves(output)
        if path is None:
            return False
        seen = (path, path.stat().st_size)
        if seen == self._seen and self._is_there():
            return False
        self._seen = seen
        rows = thinned(curve_rows(read_curves(path.parent)))
        if not rows:
            return False
        table = Table(tuple(rows))
        if self._is_there() and set(table.columns) == self._columns():
            fill_table_node(self.table, table)
        else:
            self.forget()
            self.table = table_node_from_rows(rows, NAME)
            self._draw([name for name in table.columns if name not in ("step", "epoch")])
        return True

    def forget(self) -> None:
        """Take the nodes away."""
        from abdominal_oncology.scene.result_nodes import remove_results

        remove_results([node for node in (self.chart, self.table) if node is not None])
        self.table = self.chart = None

    def _is_there(self) -> bool:
        return all(node is not None and node.GetScene() is not None for node in (self.table, self.chart))

    def _columns(self) -> set[str]:
        return {self.table.GetColumnName(n) for n in range(self.table.GetNumberOfColumns())}

    def _draw(self, names: list[str]) -> None:
        from abdominal_oncology.scene.plots import plot_node_from_table

        self.chart = plot_node_from_table(self.table, "step", names, NAME)


def newest_curves(output: Path) -> Path | None:
    """Of the run, its first stage or its folds, those that were written last."""
    found = [path for path in output.rglob("curves.csv") if path.is_file()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def curve_rows(measured: list[dict[str, str]]) -> list[Mapping[str, float]]:
    """One row per step with all that was measured so far; a value stays until it is measured again.

    >>> rows = curve_rows([{"step": "1", "epoch": "0", "name": "loss", "value": "0.7"}])
    >>> rows[0]
    {'step': 1.0, 'epoch': 0.0, 'loss': 0.7}
    """
    names = list(dict.fromkeys(each["name"] for each in measured))
    latest = dict.fromkeys(names, float("nan"))
    rows: dict[int, Mapping[str, float]] = {}
    for each in measured:
        latest[each["name"]] = float(each["value"])
        step = int(each["step"])
        rows[step] = {"step": float(step), "epoch": float(each["epoch"]), **latest}
    return [rows[step] for step in sorted(rows)]


def thinned(rows: Sequence[Mapping[str, float]], most: int = 300) -> Sequence[Mapping[str, float]]:
    """At most so many rows, spread evenly, the last among them: a plot shows no more, and a window must not wait.

    >>> [row["step"] for row in thinned([{"step": float(n)} for n in range(10)], most=4)]
    [0.0, 3.0, 6.0, 9.0]
    """
    if len(rows) <= most:
        return rows
    last = len(rows) - 1
    return [rows[round(n * last / (most - 1))] for n in range(most)]
