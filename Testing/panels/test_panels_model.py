"""The model chooser: what is installed, what it is worth, what it needs, and what happens when that is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from panel_tools import click_and_wait

pytestmark = pytest.mark.usefixtures("small_patients", "quick_worker")


@pytest.fixture
def panel(desktop: Any) -> Any:
    opened = desktop.open("PhaseClassifier")
    click_and_wait(opened, opened.ui.sampleDataButton)
    return opened


@pytest.fixture
def no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from abdominal_oncology.learning.bundle.store import Store

    monkeypatch.setattr("abdominal_oncology.learning.bundle.store.installed_store", lambda: Store(tmp_path))


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Modules that are not installed: torch and monai, until a test installs them."""
    from abdominal_oncology.panels import dependencies

    gone = {"torch", "monai"}
    monkeypatch.setattr(dependencies, "find_spec", lambda name: None if name in gone else SimpleNamespace(name=name))
    return gone


@pytest.fixture
def torch_extension(missing: set[str]) -> Iterator[SimpleNamespace]:
    """The PyTorch extension: ``works`` False is a person who says No there, ``fails`` what pip says."""
    state = SimpleNamespace(works=True, asked=[])

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation: bool = True) -> Any:
            state.asked.append(askConfirmation)
            if state.works:
                missing.discard("torch")
                return object()
            return None

    module = ModuleType("PyTorchUtils")
    vars(module)["PyTorchUtilsLogic"] = PyTorchUtilsLogic
    sys.modules["PyTorchUtils"] = module
    yield state
    del sys.modules["PyTorchUtils"]


def labels(combo: Any) -> list[str]:
    return [combo.itemText(n) for n in range(combo.count)]


def test_what_is_installed_can_be_chosen_and_says_what_it_is_worth(panel: Any) -> None:
    ui = panel.model_box.ui
    first, *named, last = labels(ui.modelCombo)
    assert first.startswith("Automatic (phase-")
    assert last == "No model (kinetics only)"
    assert named
    ui.modelCombo.currentIndex = 1
    chosen = panel.model_box.choice
    assert panel.parameters.bundle == chosen.bundle
    assert named[0].startswith(chosen.bundle)
    assert "phantoms, not on patients" in ui.phantomBanner.text  # as all that ship
    assert "Intended use" in ui.cardText.toPlainText()
    panel.parameters.bundle = "none"
    assert ui.modelCombo.currentText == last
    assert ui.phantomBanner.text == ""
    assert not ui.cardCollapsibleButton.visible
    ui.deviceCombo.currentIndex = 2
    assert panel.parameters.device == "cuda"


def test_a_model_of_another_computer_is_told(panel: Any) -> None:
    panel.parameters.bundle = "phase-of-somebody"
    assert panel.model_box.ui.modelCombo.currentText == "phase-of-somebody (not installed)"
    assert not panel.run_box.ui.applyButton.enabled
    assert "not installed here" in panel.run_box.ui.whyLabel.text


@pytest.mark.usefixtures("no_models")
def test_without_a_model_the_room_answers_by_itself(panel: Any) -> None:
    assert labels(panel.model_box.ui.modelCombo) == [
        "Automatic (no model is installed: kinetics only)",
        "No model (kinetics only)",
    ]
    assert panel.model_box.why_not() == ""
    assert not panel.model_box.ui.installButton.visible


def test_declining_is_asked_once_and_costs_only_the_model(panel: Any, missing: set[str]) -> None:
    asked: list[str] = []
    panel.model_box.ask = lambda text: bool(asked.append(text))
    panel.model_box.refresh()
    assert "torch, monai" in panel.model_box.ui.missingLabel.text
    for _ in range(2):
        click_and_wait(panel, panel.run_box.ui.applyButton)
    assert len(asked) == 1
    assert "no image leaves this computer" in asked[0]
    assert "the installation was declined" in panel.model_box.ui.missingLabel.text
    panel.parameters.bundle = panel.model_box._choices[1].bundle  # by name a model is needed
    assert not panel.run_box.ui.applyButton.enabled
    assert "needs packages" in panel.run_box.ui.whyLabel.text


def test_installing_brings_the_model(
    panel: Any, missing: set[str], torch_extension: SimpleNamespace, desktop: Any
) -> None:
    panel.model_box.ask = lambda text: True
    desktop.packaging.missing |= {"monai"}
    desktop.packaging.installing = lambda wanted: missing.discard("monai")
    panel.model_box.refresh()
    before = panel.session.client
    panel.model_box.ui.installButton.click()
    assert torch_extension.asked == [False], "we have asked already"
    assert [each.split(">")[0] for each in desktop.packaging.installed] == ["monai"]
    assert not panel.model_box.ui.installButton.visible
    assert panel.model_box.ui.missingLabel.text == ""
    assert panel.session.client is not before, "the worker that runs does not see new packages"
    click_and_wait(panel, panel.run_box.ui.applyButton)


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("Network is unreachable", "connect this computer to the internet"),
        ("disk full", "could not be installed: disk full"),
    ],
)
def test_an_installation_that_fails_says_what_to_do(
    panel: Any, missing: set[str], torch_extension: SimpleNamespace, desktop: Any, trouble: str, says: str
) -> None:
    def fails(wanted: Any) -> None:
        raise RuntimeError(trouble)

    panel.model_box.ask = lambda text: True
    desktop.packaging.missing |= {"monai"}
    desktop.packaging.installing = fails
    panel.model_box.refresh()
    panel.model_box.ui.installButton.click()
    assert says in panel.model_box.ui.missingLabel.text


def test_without_the_pytorch_extension_it_is_named(panel: Any, missing: set[str]) -> None:
    panel.model_box.ask = lambda text: True
    panel.model_box.refresh()
    panel.model_box.ui.installButton.click()
    assert "install PyTorch in the Extensions Manager" in panel.model_box.ui.missingLabel.text


def test_slicers_own_question_is_answered_no_while_it_is_tested(panel: Any, missing: set[str]) -> None:
    """No dialog waits for a person who is not there."""
    panel.model_box.refresh()
    panel.model_box.ui.installButton.click()
    assert "declined" in panel.model_box.ui.missingLabel.text
