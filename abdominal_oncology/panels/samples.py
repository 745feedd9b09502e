"""Sample patients in the scene: from a panel's button, and in Slicer's Sample Data module. They work offline."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abdominal_oncology.worker.jobs.request import JobResult

_PAUSE_SECONDS = 0.01  # between two looks at a worker that paints for seconds


def put_sample(result: JobResult) -> Generator[None, None, dict[str, Any]]:
    """The worker's sample patient as a study in the scene, one image at a time; gives the volumes by role."""
    from abdominal_oncology.scene.segmentations import segmentation_node_from_labels
    from abdominal_oncology.scene.study import put_study
    from abdominal_oncology.worker.jobs.sample import IMAGE, LABELS

    names = {int(value): str(name) for value, name in result.facts["label_names"]}
    volumes: dict[str, Any] = {}
    for key, image in result.images.items():
        if not key.startswith(IMAGE):
            continue
        role = key.removeprefix(IMAGE)
        volumes |= put_study({role: image}).volumes
        yield
        labels = result.images.get(f"{LABELS}{role}")
        if labels is not None:
            segmentation_node_from_labels(labels, names, f"{role} segmentation", beside=volumes[role])
            yield
    return volumes


def painted_by_worker(room: str, role: str) -> Any:
    """The volume of ``role`` of a room's sample patient, for who waits for it: the worker paints, the window goes on.

    Raises what went wrong in the worker.
    """
    import slicer

    from abdominal_oncology.panels.session import worker_session
    from abdominal_oncology.scene.steps import to_its_end
    from abdominal_oncology.worker.jobs.sample import sample_request

    job = worker_session().submit(sample_request(room))
    while not job.is_over:
        slicer.app.processEvents()
        time.sleep(_PAUSE_SECONDS)
    return to_its_end(put_sample(job.outcome()))[role]


def register_phantom(sample_name: str, thumbnail: str, room: str, role: str) -> None:
    """Offer a room's phantom in Slicer's Sample Data, with the volume of ``role`` as what was loaded.

    Called after Slicer's start, when Sample Data is there.
    """
    import SampleData  # type: ignore[import-not-found]  # a module of the Slicer application

    def generate(source: Any) -> list[Any]:
        return [painted_by_worker(room, role)]

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="Abdominal Oncology",
        sampleName=sample_name,
        thumbnailFileName=thumbnail,
        uris="generated:" + sample_name,  # Sample Data wants an address; the custom downloader is used instead
        fileNames=sample_name,
        nodeNames=sample_name,
        customDownloader=generate,
    )
