"""A click in a panel: a series in memory through the worker to its finding, beside the same call without a worker.

Run as a program, this module is a worker that can also read an image and do nothing with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from abdominal_oncology.bench.measure import Contender, Timing, compare
from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader
from abdominal_oncology.learning.bundle import NO_BUNDLE
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.phantom.ct_study import ct_study
from abdominal_oncology.phase.bundles import BUNDLES
from abdominal_oncology.phase.classify import ClassifySettings, classify
from abdominal_oncology.phase.sampling import random_slices
from abdominal_oncology.progress import Progress, part, silent
from abdominal_oncology.worker.client import WorkerClient
from abdominal_oncology.worker.jobs import find_job
from abdominal_oncology.worker.jobs.phase import Series, phase_request
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult, Work
from abdominal_oncology.worker.launch import worker_launch
from abdominal_oncology.worker.models import Models
from abdominal_oncology.worker.process import main
from abdominal_oncology.worker.process_transport import ProcessTransport

if TYPE_CHECKING:
    from abdominal_oncology.learning.predictor import Predictor


_USUAL = ClassifySettings()
_READ = "read"
_WARM, _COLD, _ALONE = "warm worker", "cold worker: start, import, load", "network alone"
_WARM_GOAL, _COLD_GOAL_SECONDS = 1.5, 8.0
_LAUNCH = replace(worker_launch(), arguments=("-P", "-X", "utf8", "-m", "abdominal_oncology.bench.worker"))


@dataclass(frozen=True)
class Setting:
    """``drawn`` phantom slices, each ``copies`` times over, as one series in memory."""

    drawn: int = 30
    copies: int = 10
    matrix: int = 512
    bundle: str | None = None
    settings: ClassifySettings = _USUAL
    repeats: int = 9

    @property
    def series(self) -> str:
        return f"{self.drawn * self.copies} slices"

    @property
    def tasks(self) -> tuple[str, str, str]:
        place = "in the scene" if _has_scene() else "in memory"
        return (
            f"click to finding, {self.series} {place}",
            f"click to finding, kinetics alone, {self.series} {place}",
            f"all voxels to the worker, {self.series} in memory",
        )


def run(only: str, progress: Progress) -> list[Timing]:
    """All tasks whose name contains ``only``."""
    return measure(Setting(), only, progress)


def measure(setting: Setting, only: str = "", progress: Progress = silent) -> list[Timing]:
    """The tasks of one setting."""
    chosen = [task for task in setting.tasks if only.lower() in task.lower()]
    if not chosen:
        return []
    progress(0.0, "drawing a phantom")
    image = _image(setting)
    contenders: dict[str, Callable[[WorkerClient], list[Contender]]] = {
        setting.tasks[0]: lambda client: _click(setting, image, client, setting.bundle),
        setting.tasks[1]: lambda client: _click(setting, image, client, NO_BUNDLE),
        setting.tasks[2]: lambda client: _voxels(image, client),
    }
    timings: list[Timing] = []
    for n, task in enumerate(chosen):
        stretch = part(progress, 0.2 + 0.8 * n / len(chosen), 0.2 + 0.8 * (n + 1) / len(chosen))
        with WorkerClient(ProcessTransport(_LAUNCH)) as client:
            rows = [
                replace(row, repeats=1 if row.name == _COLD else setting.repeats) for row in contenders[task](client)
            ]
            timings += _judged(compare(task, rows, stretch))
    return timings


def _judged(timings: Sequence[Timing]) -> list[Timing]:
    """What a click promises: a warm one its time over the network's alone on all sampled slices, a cold one its seconds
    more than a warm one."""
    times = {row.name: row.seconds for row in timings}
    alone = next((seconds for name, seconds in times.items() if name.startswith(_ALONE) and seconds), None)
    warm, cold = times.get(_WARM), times.get(_COLD)
    said = {}
    if warm and alone:
        said[_WARM] = f"{warm / alone:.2f} × the network alone (goal {_WARM_GOAL:g})"
    if warm and cold:
        said[_COLD] = f"{cold - warm:.1f} s more than warm (goal {_COLD_GOAL_SECONDS:g})"
    return [replace(row, note=row.note or said.get(row.name, "")) for row in timings]


def _has_scene() -> bool:
    return find_spec("slicer") is not None


def _reader(image: Image) -> SliceReader:
    """As a panel hands it over: a node of the scene, where there is one."""
    if not _has_scene():
        return ArrayReader(image)
    from abdominal_oncology.scene.volumes import reader_from_volume_node, volume_node_from_image

    return reader_from_volume_node(volume_node_from_image(image, "ct"))


def _image(setting: Setting) -> Image:
    study = ct_study(0, seconds={"portal": 75.0}, slices=setting.drawn, matrix=setting.matrix)
    drawn = study.images["portal"]
    grid = drawn.geometry
    shape = (grid.shape[0] * setting.copies, *grid.shape[1:])
    spacing = (grid.spacing_mm[0] / setting.copies, *grid.spacing_mm[1:])
    voxels = np.repeat(drawn.voxels, setting.copies, axis=0)
    return Image(voxels, Geometry(shape, spacing, grid.origin_mm, grid.directions), drawn.modality, drawn.source)


def _click(setting: Setting, image: Image, client: WorkerClient, bundle: str | None) -> list[Contender]:
    request = phase_request([Series("ct", _reader(image))], bundle=bundle, settings=setting.settings)
    predictor, missing = Models().predictor("phase", bundle, BUNDLES)
    if missing:
        return [Contender(_WARM, lambda: _skip(missing[0].message), ours=True)]

    def direct() -> Finding:
        return classify(ArrayReader(image), predictor=predictor, settings=setting.settings)

    def cold() -> None:
        with WorkerClient(ProcessTransport()) as fresh:
            fresh.run(request)

    rows = [
        Contender(_WARM, lambda: client.run(request), ours=True),
        Contender("direct call, warm", direct),
        Contender(_COLD, cold),
    ]
    if predictor is None:
        return rows
    sampled = len(random_slices(image.geometry.shape[0], setting.settings.fraction * 100, setting.settings.seed))
    voted = sum(bool(row["voted"]) for row in direct().tables["slices"])
    return [
        *rows,
        _network_alone(predictor, sampled, "sampled slices"),
        _network_alone(predictor, voted, "of them that voted before nothing could change"),
    ]


def _skip(why: str) -> None:
    raise MissingDependencyError(why, remedy="install PyTorch and a bundle for the phase")


def _network_alone(predictor: Predictor, count: int, which: str) -> Contender:
    shape = predictor.model.facts.input_shape
    inputs = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    return Contender(f"{_ALONE} on the {count} {which}", lambda: predictor.run(inputs))


def _voxels(image: Image, client: WorkerClient) -> list[Contender]:
    """Every voxel, as a label map goes. The same in memory is a copy."""
    request = JobRequest(_READ, {}, {"image": ArrayReader(image)})
    megabytes = image.voxels.nbytes / 1e6
    return [
        Contender(f"through the worker ({megabytes:.0f} MB)", lambda: client.run(request), ours=True),
        Contender("copied in memory", lambda: image.voxels.copy()),
    ]


def _read(request: JobRequest, context: JobContext) -> JobResult:
    return JobResult(facts={"shape": request.image("image").read(None, context.progress).shape})


def _find(name: str) -> Work:
    return _read if name == _READ else find_job(name)


if __name__ == "__main__":
    raise SystemExit(main(_find))
