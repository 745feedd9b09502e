"""The lesions that are asked about: a line per segment, with its size on an earlier study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from abdominal_oncology.panels.text import tr

_LARGEST_MM = 500.0


class LesionList:
    """Shows segments that may be lesions, and tells of each tick and each size: ``on_tick(segment, ticked)`` and
    ``on_size(segment, size_mm)``, a size of 0 meaning that none is known. The keyboard comes here from ``after``.
    """

    def __init__(
        self, place: Any, on_tick: Callable[[str, bool], None], on_size: Callable[[str, float], None], after: Any
    ) -> None:
        import qt  # type: ignore[import-not-found]  # PythonQt's, in the Slicer application

        self._place, self._on_tick, self._on_size, self._after = place, on_tick, on_size, after
        self._lines: dict[str, tuple[Any, Any]] = {}
        self._holder: Any = None
        qt.QVBoxLayout(place).setContentsMargins(0, 0, 0, 0)
        self.show((), (), {})

    def show(self, candidates: Sequence[tuple[str, str]], ticked: Sequence[str], sizes_mm: Mapping[str, float]) -> None:
        """``candidates``: identifier and name of each segment; those in ``ticked`` are asked about."""
        if self._holder is None or [(each, box.text) for each, (box, _) in self._lines.items()] != list(candidates):
            self._build(candidates)
        for segment, (box, size) in self._lines.items():
            for widget, name, value in (
                (box, "checked", segment in ticked),
                (size, "value", sizes_mm.get(segment, 0.0)),
            ):
                if getattr(widget, name) != value:
                    widget.blockSignals(True)  # the parameters say so already
                    setattr(widget, name, value)
                    widget.blockSignals(False)
            size.enabled = bool(box.checked)

    @property
    def listed(self) -> tuple[str, ...]:
        """Identifiers of the segments that have a line."""
        return tuple(self._lines)

    def controls(self, segment: str) -> tuple[Any, Any]:
        """The tick box and the earlier size of a segment that is listed."""
        return self._lines[segment]

    def _build(self, candidates: Sequence[tuple[str, str]]) -> None:
        import qt

        if self._holder is not None:
            self._holder.hide()
            self._holder.deleteLater()
        self._lines = {}
        self._holder = qt.QWidget()
        grid = qt.QGridLayout(self._holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(0, 1)
        if not candidates:
            nothing = qt.QLabel(tr("No segment can be a lesion. Draw each lesion as a segment of its own."))
            nothing.wordWrap = True
            grid.addWidget(nothing, 0, 0)
        self._place.layout().addWidget(self._holder)
        before = self._after
        for row, (segment, name) in enumerate(candidates):
            box, size = qt.QCheckBox(name), qt.QDoubleSpinBox()
            box.objectName, size.objectName = f"lesion {segment}", f"earlier size {segment}"
            box.toolTip = tr("Ask about {name}").format(name=name)
            box.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)  # a long name must not widen the panel
            size.toolTip = tr("Its largest diameter on the earlier study, outer edge to outer edge")
            size.decimals, size.maximum, size.suffix = 1, _LARGEST_MM, " mm"
            size.specialValueText = tr("no earlier size")
            size.keyboardTracking = False
            box.connect("toggled(bool)", partial(self._on_tick, segment))
            size.connect("valueChanged(double)", partial(self._on_size, segment))
            grid.addWidget(box, row, 0)
            grid.addWidget(size, row, 1)
            qt.QWidget.setTabOrder(before, box)
            qt.QWidget.setTabOrder(box, size)
            before = size
            self._lines[segment] = (box, size)
