"""Which segment is the liver and which are its lesions: chosen by name or code, corrected by the person."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.panels.hcc_lesions import LesionList

if TYPE_CHECKING:
    from abdominal_oncology.scene.segments import SegmentInfo


class SegmentsBox:
    """Shows and writes the parameters ``liverSegment``, ``lesionTicks`` and ``earlierSizes``.

    Only what a person ticked otherwise is kept: a lesion that is drawn later counts by itself.
    """

    def __init__(self, ui: Any, parameters: Callable[[], Any]) -> None:
        self.ui, self._parameters = ui, parameters
        self.lesions = LesionList(ui.lesionsPlace, self._tick, self._set_earlier_size, after=ui.liverSelector)
        ui.liverSelector.connect("currentSegmentChanged(QString)", self._liver_chosen)

    def show(self) -> None:
        """What the parameters say."""
        chosen, selector = self._parameters(), self.ui.liverSelector
        selector.blockSignals(True)  # setting a node chooses a segment, too
        if selector.currentNode() is not chosen.segmentation:
            selector.setCurrentNode(chosen.segmentation)
        if selector.currentSegmentID() != chosen.liverSegment:
            selector.setCurrentSegmentID(chosen.liverSegment)
        selector.blockSignals(False)
        self.lesions.show(candidates(chosen), lesion_segments(chosen), chosen.earlierSizes)

    def _liver_chosen(self, segment: str) -> None:
        if self._parameters() is not None:
            self._parameters().liverSegment = segment

    def _tick(self, segment: str, ticked: bool) -> None:
        chosen = self._parameters()
        chosen.lesionTicks = {**chosen.lesionTicks, segment: ticked}

    def _set_earlier_size(self, segment: str, size_mm: float) -> None:
        chosen = self._parameters()
        chosen.earlierSizes = {**chosen.earlierSizes, segment: size_mm}


def candidates(parameters: Any) -> list[tuple[str, str]]:
    """Identifier and name of each segment that its code or name does not rule out as a lesion."""
    return [(each.id, each.name) for each in _possible(parameters)]


def lesion_segments(parameters: Any) -> list[str]:
    """The segments that are asked about: as ticked, else all but those of another organ."""
    ticks = parameters.lesionTicks
    return [each.id for each in _possible(parameters) if ticks.get(each.id, _is_likely(each))]


def _possible(parameters: Any) -> list[SegmentInfo]:
    if parameters.segmentation is None:
        return []
    from abdominal_oncology.scene.hcc_nodes import why_no_lesion
    from abdominal_oncology.scene.segments import segments

    others = [each for each in segments(parameters.segmentation) if each.id != parameters.liverSegment]
    return [each for each in others if not why_no_lesion(each)]


def _is_likely(segment: SegmentInfo) -> bool:
    """Cysts of the kidneys are not; a person may tick them all the same."""
    return segment.structure is None or not segment.structure.name.startswith("kidney")


def fill_segmentation(parameters: Any) -> None:
    """The only segmentation that somebody drew, or the only one that was drawn on the portal volume."""
    import slicer

    from abdominal_oncology.scene.hcc_results import is_result

    drawn = [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if not is_result(node)]
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    portal = parameters.portalVolume
    on_portal = [node for node in drawn if portal is not None and node.GetNodeReference(role) is portal]
    fitting = on_portal or drawn
    if len(fitting) == 1:
        parameters.segmentation = fitting[0]


def fill_liver(parameters: Any) -> None:
    """The segment that is called or coded as the liver; none or several are the person's choice."""
    if parameters.segmentation is None:
        return
    if parameters.segmentation.GetSegmentation().GetSegment(parameters.liverSegment) is not None:
        return
    from abdominal_oncology.scene.segments import find_segment

    try:
        found = find_segment(parameters.segmentation, "liver").id
    except AbdominalOncologyError:
        found = ""
    if found != parameters.liverSegment:
        parameters.liverSegment = found
