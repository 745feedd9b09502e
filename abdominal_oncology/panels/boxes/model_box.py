"""Which trained model answers, on what device; what it is worth; and what it needs that is not installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from abdominal_oncology.errors import AbdominalOncologyError, Cancelled
from abdominal_oncology.learning.bundle import NO_BUNDLE
from abdominal_oncology.panels import dependencies
from abdominal_oncology.panels.boxes.fragment import put_fragment, say
from abdominal_oncology.panels.honesty import phantom_banner
from abdominal_oncology.panels.text import tr

AUTOMATIC, NONE = "", NO_BUNDLE
"""Values of the parameter ``bundle`` beside a bundle's name."""
_DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class Choice:
    """One line of the model chooser. ``card`` is the file for people to read."""

    bundle: str
    label: str
    trained_on: str = ""
    card: Path | None = None
    problem: str = ""


class ModelBox:
    """Shows the parameters ``bundle`` and ``device`` of a panel's parameter node and writes them.

    ``without`` says what answers when no model does, e.g. "kinetics only"; empty for a room that needs one.
    """

    def __init__(
        self,
        place: Any,
        room: str,
        without: str,
        on_change: Callable[[], None],
        on_installed: Callable[[], None],
        ask: Callable[[str], bool] = dependencies.ask_person,
    ) -> None:
        self.ui = put_fragment(place, "model")
        self.ask = ask
        self._room, self._without = room, without
        self._on_change, self._on_installed = on_change, on_installed
        self._parameters: Any = None
        self._choices: tuple[Choice, ...] = ()
        self._declined = ""
        self._filling = False
        self._shown: Choice | None = None
        for label in _device_labels():
            self.ui.deviceCombo.addItem(label)
        self.ui.modelCombo.connect("currentIndexChanged(int)", self._model_chosen)
        self.ui.deviceCombo.connect("currentIndexChanged(int)", self._device_chosen)
        self.ui.installButton.connect("clicked(bool)", self._install_clicked)
        self.show_device("")

    @property
    def choice(self) -> Choice:
        """What is chosen; automatic means the bundle that the worker would take."""
        index = max(0, int(self.ui.modelCombo.currentIndex))
        return self._choices[index] if self._choices else Choice(AUTOMATIC, "")

    def show(self, parameters: Any) -> None:
        """Follow these parameters; None: there are none at the moment."""
        self._parameters = parameters
        self._filling = True
        self._choices = tuple(choices(self._room, self._without))
        self.ui.modelCombo.clear()
        for each in self._choices:
            self.ui.modelCombo.addItem(each.label)
        self._filling = False
        self.refresh()

    def refresh(self) -> None:
        """Bring what is seen to what the parameters say."""
        if self._parameters is None:
            return
        self._filling = True
        names = [each.bundle for each in self._choices]
        if self._parameters.bundle not in names:  # of a scene from another computer
            gone = self._parameters.bundle
            label = tr("{name} (not installed)").format(name=gone)
            self._choices += (Choice(gone, label, problem=tr("this model is not installed here")),)
            self.ui.modelCombo.addItem(label)
            names.append(gone)
        self.ui.modelCombo.currentIndex = names.index(self._parameters.bundle)
        device = self._parameters.device
        self.ui.deviceCombo.currentIndex = _DEVICES.index(device) if device in _DEVICES else 0
        self._filling = False
        self._show_choice()

    def why_not(self) -> str:
        """ "" where the chosen model can be used (or none is needed), else the reason."""
        chosen = self.choice
        if chosen.problem:
            return tr("The model cannot be used: {problem}").format(problem=chosen.problem)
        if self._missing() and not self._without and self._declined:
            return self._declined
        if chosen.bundle not in (AUTOMATIC, NONE) and self._missing() and self._declined:
            return tr("The chosen model needs packages that are not installed: choose another, or install them.")
        return ""

    def make_ready(self) -> None:
        """Before the first run: offer to install what the chosen model needs. Asked once; raises what went wrong.

        Declined is no error where the question has an answer without a model.
        """
        if not self._missing() or self._declined:
            return
        try:
            self.install()
        except AbdominalOncologyError:
            if not self._without or self.choice.bundle != AUTOMATIC:
                raise

    def install(self) -> None:
        """Ask and install now; what was declined or went wrong stays to be read."""
        try:
            dependencies.install_for_networks(self._missing(), self.ask)
            self._declined = ""
            self._on_installed()
        except AbdominalOncologyError as error:
            self._declined = str(error)
            raise
        finally:
            self._show_choice()
            self._on_change()

    def show_device(self, found: str) -> None:
        """The sentence that the worker said about its device."""
        say(self.ui.deviceFoundLabel, tr("Found: {device}").format(device=found) if found else "")

    # inside

    def _missing(self) -> tuple[str, ...]:
        """Packages that the choice needs; nothing is needed where no model is asked for or none is installed."""
        chosen = self.choice
        wanted = chosen.bundle != NONE and not (chosen.bundle == AUTOMATIC and chosen.card is None)
        return dependencies.missing_for_networks() if wanted else ()

    def _model_chosen(self, index: int) -> None:
        if not self._filling and self._parameters is not None:
            self._parameters.bundle = self.choice.bundle
            self._show_choice()
            self._on_change()

    def _device_chosen(self, index: int) -> None:
        if not self._filling and self._parameters is not None:
            self._parameters.device = _DEVICES[max(0, index)]
            self.show_device("")
            self._on_change()

    def _install_clicked(self) -> None:
        try:
            self.install()
        except Cancelled:
            return  # what it means is said in the label
        except AbdominalOncologyError as error:
            self._declined = str(error)
            self._show_choice()

    def _show_choice(self) -> None:
        chosen, missing = self.choice, self._missing()
        say(self.ui.phantomBanner, phantom_banner(chosen.trained_on))
        words = tr("Not installed: {names}.").format(names=", ".join(missing)) if missing else ""
        say(self.ui.missingLabel, " ".join(part for part in (words, self._declined if missing else "") if part))
        self.ui.installButton.visible = bool(missing)
        self.ui.cardCollapsibleButton.visible = chosen.card is not None
        if chosen.card is not None and chosen != self._shown:
            self._shown = chosen
            self.ui.cardText.setMarkdown(chosen.card.read_text(encoding="utf-8"))


def choices(room: str, without: str) -> Sequence[Choice]:
    """Automatic, the bundles of a room that are installed (newest of each name), and none where that is an answer."""
    from abdominal_oncology.learning.bundle import layout
    from abdominal_oncology.learning.bundle.store import installed_store

    order: tuple[str, ...] = import_module(f"abdominal_oncology.{room}.bundles").BUNDLES
    newest = {each.name: each for each in reversed(installed_store().list()) if each.task == room}
    ready = {name: each for name, each in newest.items() if not each.problem}
    best = next((name for name in order if name in ready), next(iter(ready), "") if len(ready) == 1 else "")
    named = [
        Choice(each.name, f"{each.name} {each.version}", each.trained_on, each.path / layout.CARD, each.problem)
        for each in sorted(newest.values(), key=lambda each: (each.name not in order, each.name))
    ]
    taken = next((each for each in named if each.bundle == best), None)
    if taken is not None:
        first = Choice(AUTOMATIC, tr("Automatic ({name})").format(name=taken.label), taken.trained_on, taken.card)
    elif without:
        first = Choice(AUTOMATIC, tr("Automatic (no model is installed: {what})").format(what=without))
    else:
        first = Choice(AUTOMATIC, tr("Automatic"), problem=tr("no model is installed for this question"))
    last = [Choice(NONE, tr("No model ({what})").format(what=without))] if without else []
    return [first, *named, *last]


def _device_labels() -> tuple[str, ...]:
    return tr("Automatic"), tr("Processor (CPU)"), tr("NVIDIA or AMD GPU"), tr("Apple GPU")
