"""The rules of PythonQt: how attributes, calls, signals, enums and dead objects behave in Slicer's Python."""

from __future__ import annotations

import functools
import gc
from typing import Any

import pytest


def test_a_property_is_an_attribute_and_hides_its_getter(qt: Any) -> None:
    button = qt.QPushButton("Apply")
    assert button.text == "Apply"
    with pytest.raises(TypeError, match="not callable"):
        button.text()
    button.enabled = False
    assert button.enabled is False
    button.setText("Cancel")  # setters of Qt's own classes are wrapped
    assert button.text == "Cancel"
    combo = qt.QComboBox()
    combo.addItems(["a", "b"])
    assert (combo.count, combo.currentText, combo.itemText(1)) == (2, "a", "b")


def test_setters_of_slicer_and_ctk_are_there_only_as_slots(ctk: Any, slicer: Any) -> None:
    slider = ctk.ctkSliderWidget()
    slider.setValue(3)  # a slot
    with pytest.raises(AttributeError, match="no attribute named 'setMinimum'"):
        slider.setMinimum(1)  # C++ only
    slider.minimum = 1
    with pytest.raises(AttributeError, match="no attribute named 'setNodeTypes'"):
        slicer.qMRMLNodeComboBox().setNodeTypes(["vtkMRMLScalarVolumeNode"])


def test_unknown_read_only_and_unfit_attributes_raise(qt: Any, ctk: Any) -> None:
    label = qt.QLabel()
    with pytest.raises(AttributeError, match="creating new attributes on C\\+\\+ objects is not allowed"):
        label.txet = "?"
    with pytest.raises(AttributeError, match="has no attribute named 'txet'"):
        _ = label.txet
    with pytest.raises(AttributeError, match="not writable"):
        label.hasSelectedText = True
    with pytest.raises(AttributeError, match="does not accept an object of type str"):
        label.margin = "wide"
    with pytest.raises(AttributeError, match="Slot 'clear' can not be overwritten"):
        label.clear = None
    with pytest.raises(AttributeError, match="Signal"):
        label.linkActivated = None
    with pytest.raises(AttributeError, match="does not accept"):
        ctk.ctkSliderWidget().value = "3"


def test_values_are_converted_as_loosely_as_pythonqt_does(qt: Any, ctk: Any, slicer: Any) -> None:
    label = qt.QLabel()
    label.text = 5
    assert label.text == "5"
    label.margin = 2.9
    assert label.margin == 2
    label.wordWrap = "no"  # any object has a truth
    assert label.wordWrap is True
    combo = slicer.qMRMLNodeComboBox()
    combo.nodeTypes = "vtk"  # a string is a sequence of letters; a list was meant
    assert combo.nodeTypes == ("v", "t", "k")
    spin = ctk.ctkDoubleSpinBox()
    spin.value = True
    assert spin.value == 1.0


def test_lists_come_back_as_tuples(qt: Any, slicer: Any) -> None:
    widget = qt.QWidget()
    first = qt.QLabel(widget)
    assert widget.children() == (first,)
    assert slicer.app.layoutManager().sliceViewNames() == ("Red", "Green", "Yellow")


def test_name_is_the_object_name_and_children_are_attributes(qt: Any) -> None:
    widget = qt.QWidget()
    label = qt.QLabel("hello", widget)
    label.name = "greeting"
    assert label.objectName == "greeting"
    assert widget.greeting.text == "hello"
    assert widget.findChild("QLabel", "greeting") == label
    assert widget.findChild(qt.QPushButton) is None
    assert label.parent() == widget


def test_dynamic_properties_are_made_by_set_property_only(qt: Any) -> None:
    widget = qt.QWidget()
    assert widget.property("SlicerParameterName") is None
    widget.setProperty("SlicerParameterName", "volume")
    assert widget.SlicerParameterName == "volume"
    widget.SlicerParameterName = "other"  # it exists now
    assert widget.property("SlicerParameterName") == "other"
    assert widget.setProperty("enabled", False) is True
    assert widget.enabled is False


def test_keyword_arguments_and_wrong_arguments_are_value_errors(qt: Any, ctk: Any) -> None:
    label = qt.QLabel()
    with pytest.raises(ValueError, match="keyword"):
        label.setText(text="x")
    with pytest.raises(ValueError, match="keyword"):
        qt.QLabel(text="x")
    with pytest.raises(ValueError, match="wrong arguments"):
        label.setText("a", "b")
    with pytest.raises(ValueError, match="wrong number of arguments"):
        ctk.ctkSliderWidget().setValue()
    with pytest.raises(ValueError, match="Python function"):
        qt.QMenu().addAction("x", print)


def test_exec_has_an_underscore_too_and_single_shot_is_static(qt: Any, desktop: Any) -> None:
    desktop.desk.lay(qt.QMessageBox.Yes, qt.QMessageBox.No)
    box = qt.QMessageBox()
    box.text = "Really?"
    assert box.exec_() == qt.QMessageBox.Yes
    assert box.exec() == qt.QMessageBox.No
    assert [each.text for each in desktop.desk.shown] == ["Really?"] * 2
    shot: list[int] = []
    qt.QTimer.singleShot(0, lambda: shot.append(1))
    qt.QApplication.processEvents()
    assert shot == [1]


def test_a_dialog_that_nobody_answers_fails_instead_of_waiting(qt: Any) -> None:
    with pytest.raises(AssertionError, match="nobody answers"):
        qt.QFileDialog.getOpenFileName(None, "Choose a manifest")
    with pytest.raises(AssertionError, match="nobody answers"):
        qt.QMessageBox().exec_()


def test_a_file_dialog_gives_one_name_without_the_filter(qt: Any, desktop: Any) -> None:
    desktop.desk.lay("/somewhere/cases.csv")
    assert qt.QFileDialog.getOpenFileName(None, "Manifest") == "/somewhere/cases.csv"


def test_connect_by_signature_returns_whether_there_is_such_a_signal(qt: Any, desktop: Any) -> None:
    button, clicks = qt.QPushButton(), []
    assert button.connect("clicked(bool)", lambda checked: clicks.append(checked)) is True
    assert button.connect("clicked()", lambda: clicks.append("none")) is True
    assert button.connect(" clicked( bool ) ", lambda checked: clicks.append("spaces")) is True
    assert button.connect("clicked(int)", clicks.append) is False
    assert button.connect("klicked()", clicks.append) is False
    assert len(desktop.journal.take()) == 2
    button.click()
    assert clicks == [False, "none", "spaces"]


def test_a_signal_is_an_attribute_of_its_first_overload(qt: Any, slicer: Any) -> None:
    seen: list[Any] = []
    combo = qt.QComboBox()
    combo.addItems(["a", "b"])
    combo.currentIndexChanged.connect(seen.append)
    combo.currentIndex = 1
    assert seen == [1]
    combo.currentIndexChanged.disconnect(seen.append)
    combo.currentIndex = 0
    assert seen == [1]
    button = qt.QPushButton()
    button.clicked.connect(lambda *all_of_them: seen.append(all_of_them))
    button.clicked.emit(True)
    button.clicked(False)
    assert seen == [1, (True,), (False,)]


def test_a_slot_gets_as_many_arguments_as_it_takes(qt: Any, slicer: Any) -> None:
    seen: list[Any] = []
    spin = qt.QSpinBox()

    class Panel:
        def nothing(self) -> None:
            seen.append("nothing")

        def one(self, value: int) -> None:
            seen.append(value)

        def default(self, value: str = "default") -> None:
            seen.append(value)

    panel = Panel()
    for slot in (panel.nothing, panel.one, panel.default, lambda: seen.append("lambda")):
        spin.connect("valueChanged(int)", slot)
    spin.connect("valueChanged(int)", lambda x="kept": seen.append(x))  # loses its default: a known trap
    spin.connect("valueChanged(int)", functools.partial(panel.one))
    spin.value = 7
    assert seen == ["nothing", 7, 7, "lambda", 7, 7]
    node_combo = slicer.qMRMLNodeComboBox()
    node_combo.nodeTypes = ["vtkMRMLTextNode"]
    node_combo.noneEnabled = True
    node_combo.setMRMLScene(slicer.mrmlScene)
    seen.clear()
    node_combo.connect("currentNodeChanged(vtkMRMLNode*)", panel.nothing)
    node_combo.connect("currentNodeChanged(bool)", panel.one)
    node_combo.setCurrentNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode"))
    assert seen == ["nothing", True]


def test_an_error_in_a_slot_is_reported_and_not_passed_on(qt: Any, desktop: Any) -> None:
    button = qt.QPushButton()

    def fail() -> None:
        raise RuntimeError("in the slot")

    button.connect("clicked()", fail)
    button.click()
    (report,) = desktop.journal.take()
    assert "RuntimeError: in the slot" in report


def test_objects_connect_to_slots_by_name_and_a_dead_receiver_is_silent(qt: Any) -> None:
    spin, bar = qt.QSpinBox(), qt.QProgressBar()
    assert spin.connect("valueChanged(int)", bar, "setValue(int)") is True
    spin.value = 12
    assert bar.value == 12
    bar.delete()
    spin.value = 13


def test_enums_are_integers(qt: Any, ctk: Any) -> None:
    assert int(qt.QMessageBox.Yes | qt.QMessageBox.No) == 0x14000
    assert qt.QMessageBox.StandardButton.Yes == qt.QMessageBox.Yes == 0x4000
    label = qt.QLabel()
    label.alignment = qt.Qt.AlignCenter
    assert label.alignment == qt.Qt.AlignHCenter | qt.Qt.AlignVCenter
    label.setAlignment(qt.Qt.AlignRight | qt.Qt.AlignTop)
    assert label.alignment & qt.Qt.AlignTop
    line = ctk.ctkPathLineEdit()
    line.filters = ctk.ctkPathLineEdit.Files | ctk.ctkPathLineEdit.Filters.Writable
    assert line.filters == 34
    for missing in ("Ja", "aValue"):
        with pytest.raises(AttributeError):
            getattr(qt.QMessageBox, missing)
    with pytest.raises(AttributeError):
        _ = qt.Qt.AlignMiddle


def test_isinstance_sees_the_exact_class_only(qt: Any, ctk: Any) -> None:
    button = qt.QPushButton()
    assert type(button) is qt.QPushButton
    assert not isinstance(button, qt.QWidget)
    assert button.inherits("QWidget")
    assert button.className() == "QPushButton"
    section = ctk.ctkCollapsibleButton()
    assert section.inherits("QAbstractButton")
    assert not section.inherits("QPushButton")


def test_a_destroyed_object_is_known_as_such(qt: Any) -> None:
    widget = qt.QWidget()
    label = qt.QLabel("x", widget)
    widget.delete()
    assert label == None  # noqa: E711
    assert not label
    with pytest.raises(ValueError, match="Trying to read property 'text' from a destroyed QLabel object"):
        _ = label.text
    with pytest.raises(ValueError, match="Trying to call 'clear' on a destroyed QLabel object"):
        label.clear()
    with pytest.raises(AttributeError, match="destroyed"):
        label.text = "y"


def test_delete_later_waits_for_the_event_loop(qt: Any, desktop: Any) -> None:
    from slicer_desktop.waiting import wait_until

    label = qt.QLabel("x")
    label.deleteLater()
    assert label.text == "x"
    wait_until(lambda: not label)


def test_a_parent_keeps_the_child_and_no_parent_lets_it_go(qt: Any) -> None:
    widget = qt.QWidget()
    gone: list[str] = []
    kept = qt.QTimer(widget)
    kept.name = "kept"
    loose = qt.QTimer()
    for each in (kept, loose):
        each.destroyed.connect(lambda *_, name=each.objectName: gone.append(name or "loose"))
    del kept, loose, each
    gc.collect()
    assert gone == ["loose"]
    assert widget.findChild("QTimer", "kept").className() == "QTimer"


def test_python_may_override_qts_virtual_methods(qt: Any, desktop: Any) -> None:
    class Filter(qt.QObject):
        def __init__(self) -> None:
            qt.QObject.__init__(self)
            self.seen = 0  # a Python subclass may have attributes

        def eventFilter(self, watched: Any, event: Any) -> bool:
            self.seen += watched.className() == "QLabel"
            return False

    class Box(qt.QWidget):
        def sizeHint(self) -> Any:
            return qt.QSize(123, 45)

    watch, label = Filter(), qt.QLabel()
    label.installEventFilter(watch)
    label.show()
    qt.QApplication.processEvents()
    label.hide()
    assert watch.seen > 0
    box = Box()
    layout = qt.QVBoxLayout()
    layout.addWidget(box)
    layout.setContentsMargins(0, 0, 0, 0)
    outer = qt.QWidget()
    outer.setLayout(layout)
    assert outer.sizeHint.width() == 123
    assert layout.itemAt(0).widget() is box


def test_the_application_has_what_notes_say(slicer: Any, qt: Any) -> None:
    with pytest.raises(ValueError, match="wrong number of arguments"):
        slicer.app.processEvents(1)
    assert slicer.app.testingEnabled() is True
    assert slicer.app.mrmlScene() is slicer.mrmlScene
    assert slicer.app.majorVersion == 5
    with pytest.raises(TypeError, match="not callable"):
        slicer.app.majorVersion()
    with pytest.raises(AttributeError, match="not writable"):
        slicer.app.majorVersion = 6
    slicer.app.settings().setValue("AbdominalOncology/Fraction", 0.3)
    assert slicer.util.settingsValue("AbdominalOncology/Fraction", 1.0, float) == 0.3
    assert slicer.util.mainWindow().className() == "qSlicerMainWindow"
    with pytest.raises(NotImplementedError, match="dicomDatabase"):
        slicer.app.dicomDatabase()
    assert not hasattr(slicer.app, "mainWindow")  # C++ only


def test_modules_of_the_application_have_no_other_names(qt: Any, ctk: Any, slicer: Any) -> None:
    for module, name in ((qt, "QNoSuchThing"), (ctk, "ctkNoSuchThing"), (ctk, "qMRMLWidget"), (qt, "Signal")):
        with pytest.raises(AttributeError):
            getattr(module, name)
    assert not hasattr(slicer, "ctkSliderWidget")


def test_qsize_and_the_like_are_values(qt: Any) -> None:
    widget = qt.QWidget()
    widget.minimumSize = qt.QSize(30, 40)
    assert (widget.minimumSize.width(), widget.minimumHeight) == (30, 40)
    with pytest.raises(AttributeError, match="does not accept"):
        widget.minimumSize = (30, 40)


def test_names_that_came_with_qt_6_are_not_used(qt: Any) -> None:
    """Slicer may be built with Qt 5.15; a panel that uses them would open here and fail there."""
    from slicer_desktop.newer_qt import NEWER

    for kind, names in NEWER.items():
        for name in names:
            assert name in dir(getattr(qt, kind)._info.qt), f"{kind}.{name}"  # or it was misspelt
            assert getattr(qt, kind)._info.member(name) is None
    box = qt.QCheckBox()
    assert not hasattr(box, "checkStateChanged")
    box.stateChanged.connect(print)
    assert not hasattr(qt.QFormLayout(), "setRowVisible")


def test_checkboxes_tell_by_qt_5_signals(qt: Any, desktop: Any) -> None:
    box = qt.QCheckBox()
    assert box.connect("checkStateChanged(Qt::CheckState)", print) is False
    assert desktop.journal.take()
