"""The features of one lesion as a grid of buttons: each click puts another word in the place of what was measured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.hcc.lirads.features import Feature
    from abdominal_oncology.learning.finding import Finding
    from abdominal_oncology.panels.hcc_words import FeatureRow

_LARGEST_MM = 500.0


class FeatureGrid:
    """``on_word(what, word)`` hears of each click: a feature and its value, or ``size_mm`` and a number; None takes the
    reader's word back. Lines are made once and kept, so the button that was clicked keeps the keyboard.
    """

    def __init__(self, place: Any, on_word: Callable[[str, str | float | None], None]) -> None:
        import qt  # type: ignore[import-not-found]  # PythonQt's, in the Slicer application

        self._on_word = on_word
        self._finding: Finding | None = None
        self._lines: dict[str, tuple[Any, Any, Any]] = {}
        self._grid = qt.QGridLayout(place)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(0, 3)
        self._grid.setColumnStretch(2, 4)
        self._size = qt.QDoubleSpinBox()
        self._size.objectName = "said size"
        self._size.decimals, self._size.maximum, self._size.suffix = 1, _LARGEST_MM, " mm"
        self._size.specialValueText = tr("as measured")
        self._size.keyboardTracking = False
        self._size.toolTip = tr("Your own measurement of the largest diameter; the lowest value takes it back")
        self._size.connect("valueChanged(double)", self._size_said)
        self._measured_size = self._line("size_mm", tr("size"), self._size)

    def show(self, finding: Finding | None, everything: bool) -> None:
        """The features of this lesion: all of them, or those that somebody looked at or that are present."""
        self._finding = finding
        if finding is None:
            return
        from abdominal_oncology.hcc.lirads.sentence import size_text
        from abdominal_oncology.panels.hcc_words import feature_rows, size_said

        for row in feature_rows(finding):
            self._show_row(row, everything or row.is_shown)
        size = finding.measurement("size")
        between = "" if size is None or size.low is None else f" ({size.low:.0f}–{size.high:.0f})"
        self._measured_size.text = "" if size is None else size_text(size.value) + between
        self._size.blockSignals(True)
        self._size.value = size_said(finding) or 0.0
        self._size.blockSignals(False)

    def button(self, feature: str) -> Any:
        """Of a feature that has been shown."""
        return self._lines[feature][1]

    def _show_row(self, row: FeatureRow, visible: bool) -> None:
        name = row.feature.value
        if name not in self._lines:
            if not visible:
                return
            self._make_button(row.feature, row.title)
        label, button, measured = self._lines[name]
        for each in (label, button, measured):
            each.visible = visible
        button.text = f"{row.value} *" if row.is_said else row.value
        font = button.font
        font.setBold(row.is_said)
        button.font = font
        button.enabled = not row.locked
        button.toolTip = row.locked or tr(
            "{meaning}\nMeasured: {measured}\nClick to say otherwise; * marks a reader's word"
        ).format(meaning=_meaning(row.feature), measured=row.measured)
        measured.text = row.measured

    def _make_button(self, feature: Feature, title: str) -> None:
        import qt

        button = qt.QPushButton()
        button.objectName = f"feature {feature.value}"
        button.connect("clicked(bool)", partial(self._clicked, feature))
        self._line(feature.value, title, button)

    def _line(self, name: str, title: str, control: Any) -> Any:
        import qt

        label, measured = qt.QLabel(title), qt.QLabel()
        row = len(self._lines)
        for column, widget in enumerate((label, control, measured)):
            self._grid.addWidget(widget, row, column)
        label.wordWrap = measured.wordWrap = True
        self._lines[name] = (label, control, measured)
        return measured

    def _clicked(self, feature: Feature, checked: bool = False) -> None:
        if self._finding is not None:
            from abdominal_oncology.panels.hcc_words import next_word, word_on

            self._on_word(feature.value, next_word(feature, word_on(self._finding, feature)))

    def _size_said(self, value: float) -> None:
        if self._finding is not None:
            self._on_word("size_mm", value or None)


def _meaning(feature: Feature) -> str:
    from abdominal_oncology.hcc.lirads.features import FEATURES

    return FEATURES[feature].definition
