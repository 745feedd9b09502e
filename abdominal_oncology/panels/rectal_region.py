"""Where the rectum is: a ROI that the locator proposes and a person corrects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.boxes.fragment import say
from abdominal_oncology.panels.choices import volume_trouble
from abdominal_oncology.panels.rectal_answers import as_list
from abdominal_oncology.panels.text import tr
from abdominal_oncology.panels.views import jump_to_ras, show_volume

if TYPE_CHECKING:
    from abdominal_oncology.worker.jobs.request import JobResult


class RegionBox:
    """The button that looks for the rectum, and the words about what it found."""

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self.forget()

    def show(self, parameters: Any, is_running: bool) -> None:
        """The button works where there is a volume to look at."""
        trouble = volume_trouble(parameters.inputVolume, tr("the T2 volume"))
        self._ui.locateButton.enabled = not trouble and not is_running
        self._ui.locateButton.toolTip = trouble or tr(
            "Look for rectum and tumour and put a ROI there; check it, above all its height, and correct it"
        )

    def forget(self) -> None:
        """What was said is about another volume."""
        say(self._ui.locatedLabel, "")

    def put(self, result: JobResult, volume: Any) -> Any:
        """The ROI on what was found, with the views there; gives the ROI."""
        from abdominal_oncology.scene.rectal_results import put_region
        from abdominal_oncology.worker.jobs.rectal_locate import found_of

        found = found_of(result)
        region = put_region(volume, found.box)
        if found.confidence is None:
            first = tr("The rectum was not found: move the ROI onto it.")
        else:
            told = tr("Confidence {sure:.0f}\u00a0%, in plane and in height together.")
            first = told.format(sure=100 * found.confidence)
        say(self._ui.locatedLabel, "\n".join([first, *as_list(found.doubts)]))
        x, y, z = found.box.centre_mm
        show_volume(volume)
        jump_to_ras(-x, -y, z)
        return region


def roi_trouble(roi: Any) -> str:
    """ "" for no ROI and for one that was placed, else what to do."""
    if roi is None or roi.GetNumberOfControlPoints() > 0:
        return ""
    return tr("{name} is not placed: place it around the rectum, or choose no ROI.").format(name=roi.GetName())


def leave_region_of_another(parameters: Any) -> None:
    """A ROI that was put for another volume is not this one's."""
    if parameters.roi is None or parameters.inputVolume is None:
        return
    from abdominal_oncology.scene.rectal_results import is_region_of_another

    if is_region_of_another(parameters.roi, parameters.inputVolume):
        parameters.roi = None
