"""What the PhaseClassifier panel asks for: CT volumes, alone, several, or all of a study; and the question as a job.

The window waits for what is done here: nodes are named, voxels are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.choices import first_volume, modality_told
from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.worker.jobs.phase import Series
    from abdominal_oncology.worker.jobs.request import JobRequest

_MOST_NAMED = 4


@dataclass(frozen=True)
class PhaseQuestion:
    """Volumes, and what is known of their organs: a segmentation, points called by organ, or None."""

    volumes: Sequence[Any]
    segmentation: Any = None
    points: Any = None
    fraction: float = 0.3
    bundle: str | Path | None = None
    device: str = "auto"
    seed: int = 0


def sensible_volumes() -> list[Any]:
    """The CT volumes of the study that a person looks at; without a study the CT that is looked at."""
    volume = first_volume("CT")
    return [] if volume is None else study_of(volume)


def study_of(volume: Any) -> list[Any]:
    """The CT volumes of a volume's study in the subject hierarchy, or the volume alone."""
    from abdominal_oncology.scene.hierarchy import hierarchy

    tree = hierarchy()
    item = tree.GetItemByDataNode(volume)
    study = tree.GetItemAncestorAtLevel(item, "Study") if item else 0
    found = volumes_of_items([study]) if study else []
    return found if any(node is volume for node in found) else [volume]


def volumes_of_items(items: Iterable[int]) -> list[Any]:
    """CT volumes at or below items of the subject hierarchy, each once; volumes that say they are no CT are left out
    below a study or a folder, and kept where they were chosen themselves."""
    import vtk

    from abdominal_oncology.scene.hierarchy import hierarchy

    tree = hierarchy()
    found: dict[str, Any] = {}
    for item in items:
        node = tree.GetItemDataNode(item)
        if _is_volume(node):
            found.setdefault(node.GetID(), node)
        below = vtk.vtkIdList()
        tree.GetItemChildren(item, below, True)
        for n in range(below.GetNumberOfIds()):
            child = tree.GetItemDataNode(below.GetId(n))
            if _is_volume(child) and modality_told(child) in ("CT", ""):
                found.setdefault(child.GetID(), child)
    return list(found.values())


def items_of_volumes(volumes: Iterable[Any]) -> list[int]:
    """The items of volumes in the subject hierarchy."""
    from abdominal_oncology.scene.hierarchy import item_of

    return [item_of(node) for node in volumes]


def names_of(volumes: Sequence[Any]) -> str:
    """What will be classified, in a line: how many, and the first names."""
    if not volumes:
        return tr("No volume is chosen.")
    names = [node.GetName() for node in volumes[:_MOST_NAMED]]
    more = len(volumes) - len(names)
    listed = ", ".join(names) + (tr(" and {count} more").format(count=more) if more else "")
    if len(volumes) == 1:
        return tr("Chosen: {names}").format(names=listed)
    return tr("Chosen: {count} volumes ({names})").format(count=len(volumes), names=listed)


def request_of(question: PhaseQuestion) -> JobRequest:
    """The job. What is wrong with the choices is a named error; a volume that cannot be classified becomes a finding
    that says so, and costs the others nothing. Where not one can be read that is an error, too."""
    from abdominal_oncology.errors import AbdominalOncologyError
    from abdominal_oncology.scene.markups import points_by_structure
    from abdominal_oncology.scene.nodes import require_node
    from abdominal_oncology.worker.jobs.phase import phase_request

    points = {} if question.points is None else points_by_structure(question.points)
    for node in question.volumes:
        require_node(node, "vtkMRMLScalarVolumeNode", "volume")
    series = [_series(node, question.segmentation, points) for node in question.volumes]
    troubles = [each.image for each in series if isinstance(each.image, AbdominalOncologyError)]
    if troubles and len(troubles) == len(series):
        raise troubles[0]
    return phase_request(
        series,
        bundle=question.bundle,
        device=question.device,
        settings={"fraction": question.fraction, "seed": question.seed},
    )


def _series(node: Any, segmentation: Any, points: Mapping[str, Any]) -> Series:
    from abdominal_oncology.errors import EmptyMaskError, SceneError
    from abdominal_oncology.phase.words import MEASURED, segmentation_elsewhere
    from abdominal_oncology.scene.labels_reader import reader_from_segmentation
    from abdominal_oncology.scene.rename import plain_name
    from abdominal_oncology.scene.volumes import reader_from_volume_node
    from abdominal_oncology.worker.jobs.phase import Series

    name = plain_name(node)
    try:
        image = reader_from_volume_node(node)
    except SceneError as trouble:  # nothing in it, or bent by a transform
        return Series(name, trouble)
    if segmentation is None:
        return Series(name, image, points=points)
    try:
        labels, names = reader_from_segmentation(segmentation, MEASURED, node)
    except EmptyMaskError as elsewhere:
        return Series(name, image, points=points, warnings=(segmentation_elsewhere(elsewhere),))
    return Series(name, image, labels, names, points)


def _is_volume(node: Any) -> bool:
    """An image in the scene: the item of a volume that left it may still stand in the tree for a moment."""
    if node is None or node.GetScene() is None:
        return False
    return bool(node.IsA("vtkMRMLScalarVolumeNode") and not node.IsA("vtkMRMLLabelMapVolumeNode"))
