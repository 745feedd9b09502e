"""Numbers set by a slider or typed: values stay in their range, changes are told."""

from __future__ import annotations

from types import MappingProxyType

from PySide6 import QtCore, QtWidgets

from slicer_desktop.behaviour import Behaviour

_STEPS = 1000  # of a slider from end to end; the value itself is held exactly


class _Row(Behaviour):
    """A slider and a spin box in a row, or one of them."""

    defaults = MappingProxyType(
        {"minimum": 0.0, "maximum": 99.0, "singleStep": 1.0, "pageStep": 10.0, "decimals": 2, "tracking": True}
        | {"spinBoxVisible": True, "prefix": "", "suffix": "", "value": 0.0, "minimumValue": 0.0}
    )

    def row(self, *widgets: QtWidgets.QWidget) -> None:
        layout = QtWidgets.QHBoxLayout(self.target)
        layout.setContentsMargins(0, 0, 0, 0)
        for each in widgets:
            layout.addWidget(each)

    def spin_box(self) -> QtWidgets.QDoubleSpinBox:
        made = QtWidgets.QDoubleSpinBox(self.target)
        made.setKeyboardTracking(False)
        return made

    def slider(self) -> QtWidgets.QSlider:
        made = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self.target)
        made.setRange(0, _STEPS)
        return made

    def fitted(self, value: float) -> float:
        return min(max(value, float(self.held_value("minimum"))), float(self.held_value("maximum")))

    def place(self, value: float) -> int:
        low, high = float(self.held_value("minimum")), float(self.held_value("maximum"))
        return round((value - low) / (high - low) * _STEPS) if high > low else 0

    def at(self, place: int) -> float:
        low, high = float(self.held_value("minimum")), float(self.held_value("maximum"))
        return round(low + (high - low) * place / _STEPS, int(self.held_value("decimals")))

    def dress(self, box: QtWidgets.QDoubleSpinBox, value: float) -> None:
        """Show a value in a spin box with the decimals, steps and signs of the widget."""
        box.blockSignals(True)
        box.setDecimals(int(self.held_value("decimals")))
        box.setSingleStep(float(self.held_value("singleStep")))
        box.setPrefix(self.held_value("prefix"))
        box.setSuffix(self.held_value("suffix"))
        box.setRange(float(self.held_value("minimum")), float(self.held_value("maximum")))
        box.setValue(value)
        box.blockSignals(False)

    def show_values(self) -> None:
        """Bring what is seen to what is held."""

    def setPrefix(self, text: str) -> None:
        self._hold_and_show("prefix", text)

    def setSuffix(self, text: str) -> None:
        self._hold_and_show("suffix", text)

    def setDecimals(self, count: int) -> None:
        self._hold_and_show("decimals", count)

    def setSingleStep(self, step: float) -> None:
        self._hold_and_show("singleStep", step)

    def _hold_and_show(self, name: str, value: object) -> None:
        self.hold_value(name, value)
        self.show_values()


class SliderWidget(_Row):
    """``ctkSliderWidget``, ``ctkDoubleSlider`` and ``ctkDoubleSpinBox``: one number."""

    def build_up(self) -> None:
        self._slider = None if "SpinBox" in self.class_name else self.slider()
        self._box = None if self.class_name == "ctkDoubleSlider" else self.spin_box()
        self.row(*(each for each in (self._slider, self._box) if each is not None))
        if self._slider is not None:
            self._slider.sliderMoved.connect(lambda place: self.setValue(self.at(place)))
        if self._box is not None:
            self._box.valueChanged.connect(self.setValue)
            self._box.editingFinished.connect(lambda: self.tell_signal("editingFinished"))
        self.show_values()

    def setValue(self, value: float) -> None:
        self.hold_value("value", self.fitted(value), tells="valueChanged")
        self.show_values()

    def setValueIfDifferent(self, value: float) -> None:
        self.setValue(value)

    def setValueAlways(self, value: float) -> None:
        self.setValue(value)

    def setMinimum(self, value: float) -> None:
        self._bound("minimum", value, "maximum", max)

    def setMaximum(self, value: float) -> None:
        self._bound("maximum", value, "minimum", min)

    def setRange(self, low: float, high: float) -> None:
        self.setMinimum(low)
        self.setMaximum(high)

    def _bound(self, name: str, value: float, other: str, outer: type) -> None:
        self.hold_value(name, value)
        self.hold_value(other, outer(value, self.held_value(other)))
        self.setValue(self.held_value("value"))

    def setSpinBoxVisible(self, visible: bool) -> None:
        self.hold_value("spinBoxVisible", visible)
        if self._box is not None:
            self._box.setVisible(visible)

    def reset(self) -> None:
        self.setValue(0.0)

    def stepUp(self) -> None:
        self.setValue(self.held_value("value") + self.held_value("singleStep"))

    def stepDown(self) -> None:
        self.setValue(self.held_value("value") - self.held_value("singleStep"))

    def cleanText(self) -> str:
        return f"{self.held_value('value'):.{int(self.held_value('decimals'))}f}"

    def show_values(self) -> None:
        if self._slider is not None:
            self._slider.setValue(self.place(self.held_value("value")))
        if self._box is not None:
            self.dress(self._box, self.held_value("value"))


class RangeWidget(_Row):
    """``ctkRangeWidget`` and ``ctkDoubleRangeSlider``: two numbers, the lower never above the upper."""

    defaults = MappingProxyType({"maximumValue": 99.0})

    def build_up(self) -> None:
        self._lower, self._upper, self._slider = self.spin_box(), self.spin_box(), self.slider()
        self.row(self._lower, self._slider, self._upper)
        if self.class_name == "ctkDoubleRangeSlider":
            self._lower.hide()
            self._upper.hide()
        self._slider.setEnabled(False)  # a slider with two handles is not drawn
        self._lower.valueChanged.connect(self.setMinimumValue)
        self._upper.valueChanged.connect(self.setMaximumValue)
        self.show_values()

    def setValues(self, low: float, high: float) -> None:
        low, high = sorted((self.fitted(low), self.fitted(high)))
        before = self.held_value("minimumValue"), self.held_value("maximumValue")
        self.hold_value("minimumValue", low)
        self.hold_value("maximumValue", high)
        self.show_values()
        if low != before[0]:
            self.tell_signal("minimumValueChanged", low)
        if high != before[1]:
            self.tell_signal("maximumValueChanged", high)
        if (low, high) != before:
            self.tell_signal("valuesChanged", low, high)

    def setMinimumValue(self, value: float) -> None:
        self.setValues(value, max(value, self.held_value("maximumValue")))

    def setMaximumValue(self, value: float) -> None:
        self.setValues(min(value, self.held_value("minimumValue")), value)

    def setRange(self, low: float, high: float) -> None:
        low, high = sorted((low, high))
        self.hold_value("minimum", low)
        self.hold_value("maximum", high)
        self.tell_signal("rangeChanged", low, high)
        self.setValues(self.held_value("minimumValue"), self.held_value("maximumValue"))

    def setMinimum(self, value: float) -> None:
        self.setRange(value, max(value, self.held_value("maximum")))

    def setMaximum(self, value: float) -> None:
        self.setRange(min(value, self.held_value("minimum")), value)

    def reset(self) -> None:
        self.setValues(self.held_value("minimum"), self.held_value("maximum"))

    def show_values(self) -> None:
        self.dress(self._lower, self.held_value("minimumValue"))
        self.dress(self._upper, self.held_value("maximumValue"))
        self._slider.setValue(self.place((self.held_value("minimumValue") + self.held_value("maximumValue")) / 2))
