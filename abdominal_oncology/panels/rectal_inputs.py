"""What the RectalStaging panel asks for, as jobs for the worker.

The window waits for what is done here: nodes are named, voxels are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abdominal_oncology.worker.jobs.request import JobRequest


@dataclass(frozen=True)
class RectalQuestion:
    """Nodes (``roi`` and ``segmentation`` may be None), and how to answer. ``sensitivity`` None: the bundle's own."""

    volume: Any
    roi: Any = None
    segmentation: Any = None
    sensitivity: float | None = None
    tta: bool = True
    bias_correction: bool | None = None
    bundle: str | Path | None = None
    device: str = "auto"


def request_of(question: RectalQuestion) -> JobRequest:
    """The job. What is wrong with the choices is a named error; what only voxels can tell the worker will say."""
    from abdominal_oncology.scene.rectal_roi import box_from_roi_node
    from abdominal_oncology.scene.rectal_segments import readers_of
    from abdominal_oncology.scene.rename import plain_name
    from abdominal_oncology.scene.volumes import reader_from_volume_node
    from abdominal_oncology.worker.jobs.rectal import rectal_request

    volume, segmentation = question.volume, question.segmentation
    reader = reader_from_volume_node(volume)
    box = None if question.roi is None else box_from_roi_node(question.roi)
    masks, doubts = ({}, []) if segmentation is None else readers_of(segmentation, volume)
    return rectal_request(
        plain_name(volume),
        reader,
        masks=masks,
        box=box,
        bundle=question.bundle,
        device=question.device,
        settings={
            "sensitivity": question.sensitivity,
            "tta": question.tta,
            "bias_correction": question.bias_correction,
        },
        warnings=doubts,
    )


def locate_request_of(volume: Any) -> JobRequest:
    """The job that looks for the rectum."""
    from abdominal_oncology.scene.volumes import reader_from_volume_node
    from abdominal_oncology.worker.jobs.rectal_locate import locate_request

    return locate_request(reader_from_volume_node(volume))
