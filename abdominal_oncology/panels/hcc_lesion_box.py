"""The lesion that was chosen: its category and why, its features to be corrected, and what is drawn over the images."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.boxes.fragment import say
from abdominal_oncology.panels.hcc_features import FeatureGrid
from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.learning.finding import Finding

OVERLAYS = ("", "enhancement", "washout")
"""Kinds of maps in the order of the chooser; the first is none."""


class LesionBox:
    """``on_word(what, word)`` as :class:`FeatureGrid` tells it; ``on_take_back`` wants all words of the lesion gone;
    ``on_draw`` hears that another overlay or the shell is wanted.
    """

    def __init__(
        self,
        ui: Any,
        on_word: Callable[[str, str | float | None], None],
        on_take_back: Callable[[], None],
        on_draw: Callable[[], None],
    ) -> None:
        self.ui = ui
        self._finding: Finding | None = None
        self.features = FeatureGrid(ui.featuresPlace, on_word)
        for label in (tr("none"), tr("arterial enhancement"), tr("washout")):
            ui.overlayCombo.addItem(label)
        ui.allFeaturesCheckBox.connect("toggled(bool)", self._shown_otherwise)
        ui.takeBackButton.connect("clicked(bool)", lambda checked=False: on_take_back())
        ui.overlayCombo.connect("currentIndexChanged(int)", lambda index: on_draw())
        ui.shellCheckBox.connect("toggled(bool)", lambda checked: on_draw())
        self.show(None)

    @property
    def overlay(self) -> str:
        """The kind of map that is wanted; "" for none."""
        return OVERLAYS[max(0, int(self.ui.overlayCombo.currentIndex))]

    @property
    def wants_shell(self) -> bool:
        return bool(self.ui.shellCheckBox.checked)

    def show(self, finding: Finding | None) -> None:
        """None: no lesion is chosen."""
        self._finding = finding
        there = finding is not None
        self.ui.lesionCollapsibleButton.visible = there
        if finding is None:
            return
        from abdominal_oncology.hcc.finding_lirads import CHANGE_TABLE, categorisation_of, observation_of

        found = categorisation_of(finding)
        say(self.ui.categoryLabel, f"{finding.subject}: {found.label}")
        say(self.ui.sentenceLabel, found.sentence)
        changes = [f"{row['category']} {row['if']}" for row in finding.tables.get(CHANGE_TABLE, ())]
        say(self.ui.changesLabel, tr("It would be {changes}.").format(changes=", ".join(changes)) if changes else "")
        self.ui.takeBackButton.enabled = bool(observation_of(finding).overrides)
        self.features.show(finding, bool(self.ui.allFeaturesCheckBox.checked))

    def note(self, text: str) -> None:
        """A word beside the overlays; "" takes it away."""
        say(self.ui.overlayNote, text)

    def draw_nothing(self) -> None:
        """The choosers at rest, without telling anybody."""
        for widget, name, value in (
            (self.ui.overlayCombo, "currentIndex", 0),
            (self.ui.shellCheckBox, "checked", False),
        ):
            widget.blockSignals(True)
            setattr(widget, name, value)
            widget.blockSignals(False)
        self.note("")

    def _shown_otherwise(self, checked: bool) -> None:
        self.show(self._finding)
