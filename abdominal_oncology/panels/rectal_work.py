"""What the RectalStaging's logic does: nodes in, a finding out. Imported on the first click, not with the panel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.progress import Progress, part
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.rectal.bundles import BUNDLES
from abdominal_oncology.rectal.stage import StageSettings, stage
from abdominal_oncology.scene.nodes import Node, require_node
from abdominal_oncology.scene.rectal_roi import box_from_roi_node
from abdominal_oncology.scene.rectal_segments import masks_of
from abdominal_oncology.scene.rename import plain_name
from abdominal_oncology.scene.volumes import image_from_volume_node
from abdominal_oncology.worker.models import Models

_VOLUME = "vtkMRMLScalarVolumeNode"


class RectalWork:
    """Keeps networks warm, and each volume's last activation map until its finding is written."""

    def __init__(self) -> None:
        self._models = Models()
        self._overlays: dict[str, tuple[Finding, Image]] = {}

    def stage(
        self,
        volume: Node,
        roi: Node,
        segmentation: Node,
        bundle: str | Path | None,
        tta: bool,
        progress: Progress,
        sensitivity: float | None,
        bias_correction: bool | None,
    ) -> Finding:
        """What is wrong with the request is raised before the model is loaded."""
        require_node(volume, _VOLUME, "volume")
        box: Box | None = None if roi is None else box_from_roi_node(roi)
        image = image_from_volume_node(volume)
        masks, doubts = masks_of(segmentation, volume) if segmentation is not None else ({}, [])
        progress(0.0, "looking for the model")
        predictor, no_network = self._models.predictor("rectal", bundle, BUNDLES)
        staged = stage(
            image,
            predictor=predictor,
            box=box,
            masks=masks,
            settings=StageSettings(sensitivity, tta=tta, bias_correction=bias_correction),
            warnings=[*no_network, *doubts],
            progress=part(progress, 0.02, 1.0),
        )
        finding = replace(staged.finding, subject=plain_name(volume))
        self._overlays.pop(volume.GetID(), None)
        if staged.overlay is not None:
            self._overlays[volume.GetID()] = (finding, staged.overlay)
        return finding

    def overlay_of(self, finding: Finding, volume: Node) -> Image | None:
        """The activation map that belongs to this very finding of a volume."""
        require_node(volume, _VOLUME, "volume")
        known = self._overlays.get(volume.GetID())
        return known[1] if known is not None and known[0] == finding else None

    def close(self) -> None:
        self._models.close()
        self._overlays.clear()
