"""The answer: what it rests on in a line, table and plot, the large layout, copies and reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.boxes.fragment import put_fragment, say
from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.report import Report

_VIEW = "AbdominalOncologyPlot"  # singleton tag of the panels' own plot view


class ResultBox:
    """``make_report`` gives what is exported; ``on_row`` hears of a row that was chosen (0 is the first of the table
    node, however the view is sorted)."""

    def __init__(
        self,
        place: Any,
        make_report: Callable[[], Report],
        on_row: Callable[[int], None],
    ) -> None:
        self.ui = put_fragment(place, "results")
        self._make_report, self._on_row = make_report, on_row
        self._chart: Any = None
        self._layout_before: int | None = None
        self.ui.resultTable.connect("selectionChanged()", self._row_chosen)
        self.ui.layoutButton.connect("toggled(bool)", self._large)
        self.ui.copyTableButton.connect("clicked(bool)", self._copy)
        self.ui.exportCsvButton.connect("clicked(bool)", self._export_csv)
        self.ui.exportHtmlButton.connect("clicked(bool)", self._export_html)
        self.show(None)

    @property
    def table(self) -> Any:
        """The table node that is shown, or None."""
        return self.ui.resultTable.mrmlTableNode()

    def show(
        self,
        table: Any,
        chart: Any = None,
        *,
        banner: str = "",
        headline: str = "",
        columns: Sequence[str] | None = None,
    ) -> None:
        """A table node and a plot chart node, each None where there is none.

        ``columns`` are those that fit a narrow panel (None: all); the others are there for copies and reports.
        """
        show_table(self.ui.resultTable, table, columns)
        self.show_chart(chart)
        say(self.ui.resultNote, "")
        say(self.ui.resultBanner, banner)
        say(self.ui.resultHeadline, headline or ("" if table is not None else tr("No result yet.")))
        self.ui.resultButtons.visible = table is not None

    def show_chart(self, chart: Any) -> None:
        """Another plot beside the same table (that of the row which was chosen)."""
        self._chart = chart
        self.ui.resultPlot.visible = chart is not None
        if chart is not None:
            view = plot_view(_VIEW)
            view.SetPlotChartNodeID(chart.GetID())
            self.ui.resultPlot.setMRMLPlotViewNode(view)
        self.ui.layoutButton.enabled = chart is not None or bool(self.ui.layoutButton.checked)
        if self.ui.layoutButton.checked:
            self._put_into_layout()

    def say(self, headline: str) -> None:
        """A line above the table, of the row that was chosen."""
        say(self.ui.resultHeadline, headline)

    def select(self, row: int) -> None:
        """Choose a row as a click would."""
        view = self.ui.resultTable
        view.selectRow(view.sortFilterProxyModel().mapFromSource(view.tableModel().index(row, 0)).row())

    # inside

    def _row_chosen(self) -> None:
        view = self.ui.resultTable
        chosen: Any = view.selectionModel().selectedRows() if view.mrmlTableNode() is not None else ()
        if len(chosen):
            self._on_row(int(view.sortFilterProxyModel().mapToSource(chosen[0]).row()))

    def _large(self, on: bool) -> None:
        import slicer

        manager = slicer.app.layoutManager()
        if on:
            self._layout_before = manager.layout
            manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotTableView)
            self._put_into_layout()
        elif self._layout_before is not None:
            manager.setLayout(self._layout_before)
        self.ui.layoutButton.enabled = self._chart is not None

    def _put_into_layout(self) -> None:
        import slicer

        logic = slicer.app.applicationLogic()
        selection = logic.GetSelectionNode()
        table = self.ui.resultTable.mrmlTableNode()
        if self._chart is not None:
            selection.SetActivePlotChartID(self._chart.GetID())
            logic.PropagatePlotChartSelection()
        if table is not None:
            selection.SetActiveTableID(table.GetID())
            logic.PropagateTableSelection()

    def _copy(self) -> None:
        """All cells with their column names, separated by tabs."""
        import qt  # type: ignore[import-not-found]

        node = self.ui.resultTable.mrmlTableNode()
        columns = range(node.GetNumberOfColumns())
        lines = [[node.GetColumnName(column) for column in columns]]
        lines += [[node.GetCellText(row, column) for column in columns] for row in range(node.GetNumberOfRows())]
        qt.QApplication.clipboard().setText("\n".join("\t".join(cells) for cells in lines))
        say(self.ui.resultNote, tr("The table was copied."))

    def _export_csv(self) -> None:
        self._export(lambda report, folder: report.write_tables(folder))

    def _export_html(self) -> None:
        self._export(lambda report, folder: [report.write(folder)])

    def _export(self, write: Callable[[Report, Path], Sequence[Path]]) -> None:
        import qt
        import slicer

        folder = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), tr("Folder for the export"))
        if not folder:
            return
        from abdominal_oncology.errors import AbdominalOncologyError

        try:
            files = write(self._make_report(), Path(folder))
        except (AbdominalOncologyError, OSError) as error:
            say(self.ui.resultNote, tr("Nothing was exported: {error}").format(error=error))
            return
        say(self.ui.resultNote, tr("Written: {files}").format(files=", ".join(str(file) for file in files)))


def show_table(view: Any, table: Any, columns: Sequence[str] | None = None) -> None:
    """A table node in a table view, as wide as its words; without a table the view takes no place."""
    view.setMRMLTableNode(table)
    view.visible = table is not None
    if table is None:
        return
    for index in range(table.GetNumberOfColumns()):
        view.setColumnHidden(index, columns is not None and table.GetColumnName(index) not in columns)
    view.verticalHeader().hide()
    view.resizeColumnsToContents()


def plot_view(name: str) -> Any:
    """A plot view of ours by its singleton tag; it is not part of a layout."""
    import slicer

    scene = slicer.mrmlScene
    node = scene.GetSingletonNode(name, "vtkMRMLPlotViewNode")
    if node is None:
        node = scene.CreateNodeByClass("vtkMRMLPlotViewNode")
        node.UnRegister(None)
        node.SetSingletonTag(name)
        node.SetName(name)
        node = scene.AddNode(node)
    return node
