"""A liver study of three phases of 512 × 512 × 100, from the scene to findings, stage by stage beside the usual ways.

What a network answers does not change how long it takes, so the weights of the network alone are random; the whole
asks the bundle that is installed. The study is a small phantom, brought onto the large grid: what is measured reads as
many voxels as a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.bench.measure import Contender, Timing, compare
from abdominal_oncology.bench.memory import PeakMemory
from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.hcc.align_by_image import Surroundings
from abdominal_oncology.hcc.align_rigid import align_rigid
from abdominal_oncology.hcc.analyze import examine
from abdominal_oncology.hcc.case import MultiphaseCase
from abdominal_oncology.hcc.cut import cut_patch, patch_grid
from abdominal_oncology.hcc.lesion_input import QUICK
from abdominal_oncology.hcc.measure import measure_prepared
from abdominal_oncology.hcc.patch import PATCH_SPACING_MM
from abdominal_oncology.hcc.phantom import hcc_study, liver_mask
from abdominal_oncology.hcc.prepare import PreparedCase, prepare
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.imaging.geometry import Vector
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.resample import resample, resample_to_spacing
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.progress import Progress, part, silent
from abdominal_oncology.worker.client import WorkerClient
from abdominal_oncology.worker.jobs import find_job
from abdominal_oncology.worker.jobs.hcc import LiverStudy, hcc_request
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest
from abdominal_oncology.worker.models import Models
from abdominal_oncology.worker.process_transport import ProcessTransport

if TYPE_CHECKING:
    from abdominal_oncology.learning.predictor import Predictor
    from abdominal_oncology.learning.runtime import Model

_SECONDS = {"arterial": 38.0, "portal": 75.0, "delayed": 180.0}
_KINDS, _SIZES_MM = ("hcc", "cyst", "metastasis"), (24.0, 15.0, 30.0)
_MOST_MEMORY = "goal: less than 1000 MB above the volumes"


@dataclass(frozen=True)
class Setting:
    """``matrix`` and ``slices`` of the study; it is drawn four times coarser in plane and twice along the slices."""

    matrix: int = 512
    slices: int = 100
    repeats: int = 3

    @property
    def spacing_mm(self) -> Vector:
        """Of an upper abdomen of 250 mm and a field of view of 384 mm."""
        return (250 / self.slices, 384 / self.matrix, 384 / self.matrix)


@dataclass(frozen=True)
class Study:
    """Images by phase, the liver and the lesions (labels 1, 2, 3) on the portal grid."""

    images: Mapping[str, Image]
    liver: Image
    lesions: Image

    def case(self, count: int) -> MultiphaseCase:
        """With its first lesions."""
        kept = np.where(self.lesions.voxels <= count, self.lesions.voxels, 0)
        return MultiphaseCase.of(
            arterial=self.images["arterial"],
            portal=self.images["portal"],
            delayed=self.images["delayed"],
            liver=self.liver,
            lesions=Image(kept, self.lesions.geometry, Modality.MASK),
        )


@dataclass(frozen=True)
class Bench:
    """What every stage needs; ``predictor`` is None where torch is not installed."""

    setting: Setting
    study: Study
    prepared: PreparedCase
    predictor: Predictor | None


def run(only: str, progress: Progress) -> list[Timing]:
    """All stages whose name contains ``only``."""
    return measure(Setting(), only, progress)


def measure(setting: Setting, only: str, progress: Progress) -> list[Timing]:
    """The stages of one setting."""
    stages: tuple[tuple[str, Callable[[str, Bench, Progress], list[Timing]]], ...] = (
        ("alignment of two phases", _alignment),
        ("one lesion's patch from three phases", _patch),
        ("measuring", _measuring),
        ("network", _network),
        ("whole, scene to findings", _whole),
        ("memory", _memory),
    )
    chosen = [(name, stage) for name, stage in stages if only.lower() in name]
    if not chosen:
        return []
    study = draw_study(setting, part(progress, 0.0, 0.2))
    prepared = prepare(study.case(len(_KINDS)))
    timings: list[Timing] = []
    with TemporaryDirectory(prefix="bench-") as folder:
        predictor = _warm(Path(folder))
        for n, (name, stage) in enumerate(chosen):
            step = part(progress, 0.2 + 0.8 * n / len(chosen), 0.2 + 0.8 * (n + 1) / len(chosen))
            timings += stage(name, Bench(setting, study, prepared, predictor), step)
        if predictor is not None:
            predictor.release()  # Windows deletes no file that a session holds
    return timings


def draw_study(setting: Setting, progress: Progress) -> Study:
    """A phantom patient with three lesions on the grid of ``setting``."""
    k, j, i = setting.spacing_mm
    drawn = hcc_study(
        3,
        lesions=_KINDS,
        sizes_mm=_SIZES_MM,
        seconds=_SECONDS,
        matrix=setting.matrix // 4,
        slices=setting.slices // 2,
        spacing_mm=(2 * k, 4 * j, 4 * i),
        noise_hu=6.0,
        progress=progress,
    )
    spacing = (k, j, i)
    images = {role: resample_to_spacing(image, spacing) for role, image in drawn.images.items()}
    labels = drawn.labels["portal"]
    liver = Image(liver_mask(labels.voxels).astype(np.uint8), labels.geometry, Modality.MASK)
    parts, _ = ndimage.label(labels.voxels == find("liver_lesion").number)
    lesions = Image(parts.astype(np.uint8), labels.geometry, Modality.MASK)
    return Study(images, resample_to_spacing(liver, spacing), resample_to_spacing(lesions, spacing))


def _alignment(task: str, on: Bench, progress: Progress) -> list[Timing]:
    blocks, liver = on.prepared.blocks, on.prepared.liver
    others = [role for role in blocks if role != "portal"]

    def slide() -> None:
        around = Surroundings(blocks["portal"], liver)
        for role in others:
            around.align(role, blocks[role])

    rows = [
        Contender("ours, the shift from borders around the liver", slide, ours=True, goal_seconds=2.0),
        Contender("SimpleITK, rigid by mutual information at 3 mm", lambda: _rigid(on.prepared)),
    ]
    return compare(task, _repeated(rows, on.setting), progress)


def _patch(task: str, on: Bench, progress: Progress) -> list[Timing]:
    lesion = on.prepared.case.lesions[0]
    whole = _whole_volumes(on.study, on.prepared)
    rows = [
        Contender("ours, the patch alone is resampled", lambda: cut_patch(on.prepared, lesion), ours=True),
        Contender("SimpleITK, whole volumes to 0.76 × 0.76 × 2 mm, then cut", whole),
        Contender("monai Spacing of whole volumes, then cut", _monai(on.study)),
    ]
    return compare(task, _repeated(rows, on.setting), progress)


def _measuring(task: str, on: Bench, progress: Progress) -> list[Timing]:
    count = len(on.prepared.case.lesions)
    one = replace(on.prepared, case=replace(on.prepared.case, lesions=on.prepared.case.lesions[:1]))
    rows = [
        Contender(
            f"ours, each of {count} lesions", lambda: measure_prepared(on.prepared), True, count, goal_seconds=0.2
        ),
        Contender("ours, one lesion", lambda: measure_prepared(one), True),
    ]
    return compare(f"{task}, per lesion", _repeated(rows, on.setting), progress)


def _network(task: str, on: Bench, progress: Progress) -> list[Timing]:
    predictor = on.predictor
    name = f"{task}, four Tiny networks on one patch"
    if predictor is None:
        return [_skipped(name, "torch is not installed")]
    inputs = np.random.default_rng(0).integers(0, 256, (1, 4, *QUICK.pooled_shape), dtype=np.uint8)
    engine = predictor.provenance().engine.split(" (")[0]
    rows = [
        Contender(f"Predictor, {engine}", lambda: predictor.run(inputs), ours=True),
        Contender("torch eager", _eager(predictor, inputs)),
    ]
    return compare(name, _repeated(rows, on.setting), progress)


def _whole(task: str, on: Bench, progress: Progress) -> list[Timing]:
    if find_spec("slicer") is None:
        return [_skipped(task, "slicer-core is not installed")]
    requests = {count: _click(on.study, count) for count in (1, len(_KINDS))}
    models = Models()
    with WorkerClient(ProcessTransport()) as client:
        rows = []
        for count, request in requests.items():
            lesions, goal = f"{count} lesion" + "s" * (count > 1), 3.0 + 0.2 * (count - 1)
            click, here = partial(client.run, request), partial(find_job("hcc"), request, JobContext(models, silent))
            rows.append(Contender(f"ours by a worker, {lesions}", click, ours=True, goal_seconds=goal))
            rows.append(Contender(f"ours in this process, {lesions}", here, ours=True, goal_seconds=goal))
        rows.append(Contender("SimpleITK registration, whole volumes resampled, network; nothing measured", _usual(on)))
        timings = compare(task, _repeated(rows, on.setting), progress)
    models.close()
    return timings


def _usual(on: Bench) -> Callable[[], None]:
    whole = _whole_volumes(on.study, on.prepared)
    inputs = np.zeros((1, 4, *QUICK.pooled_shape), np.uint8)

    def work() -> None:
        _rigid(on.prepared)
        whole()
        if on.predictor is not None:
            on.predictor.run(inputs)

    return work


def _memory(task: str, on: Bench, progress: Progress) -> list[Timing]:
    peak: list[str] = []
    case = on.study.case(len(_KINDS))

    def work() -> None:
        with PeakMemory(peak):
            examine(case, predictor=on.predictor)

    (row,) = compare(task, [Contender(f"ours, {len(_KINDS)} lesions", work, ours=True, repeats=1)], progress)
    return [replace(row, note=row.note or f"{peak[0]}; {_MOST_MEMORY}")]


def _rigid(prepared: PreparedCase) -> None:
    for role in ("arterial", "delayed"):
        align_rigid(prepared.alignments[role], prepared.blocks["portal"], prepared.liver, prepared.blocks[role])


def _click(study: Study, count: int) -> JobRequest:
    """Volumes and segments are in the scene already; what the panel asks for then, maps included."""
    from abdominal_oncology.scene import put_study, segmentation_node_from_masks
    from abdominal_oncology.scene.segment_reader import reader_from_segment
    from abdominal_oncology.scene.volumes import reader_from_volume_node

    volumes = put_study(study.images).volumes
    names = [f"lesion_{n}" for n in range(1, count + 1)]
    masks = {
        name: Image((study.lesions.voxels == n).astype(np.uint8), study.lesions.geometry, Modality.MASK)
        for n, name in enumerate(names, start=1)
    }
    outlines = segmentation_node_from_masks({"liver": study.liver, **masks}, "outlines", beside=volumes["portal"])
    drawn = {name: reader_from_segment(outlines, name, volumes["portal"]) for name in ("liver", *names)}
    phases = {role: reader_from_volume_node(node) for role, node in volumes.items()}
    return hcc_request(LiverStudy("bench", phases, {"portal": drawn.pop("liver")}, drawn))


def _whole_volumes(study: Study, prepared: PreparedCase) -> Callable[[], Any]:
    grid, _ = patch_grid(prepared.case.lesions[0], prepared.frame)

    def work() -> list[Image]:
        fine = [
            resample(image, image.geometry.with_spacing(PATCH_SPACING_MM), "nearest", engine="simpleitk")
            for image in study.images.values()
        ]
        return [resample(image, grid, "nearest") for image in fine]

    return work


def _monai(study: Study) -> Callable[[], Any]:
    def work() -> list[Any]:
        try:
            from monai.data import MetaTensor
            from monai.transforms import Spacing
        except ImportError as missing:
            raise MissingDependencyError("monai is not installed") from missing
        import torch

        spacing = Spacing(PATCH_SPACING_MM[::-1], mode="nearest")
        made = []
        for image in study.images.values():
            affine = np.diag([*image.geometry.spacing_mm[::-1], 1.0])
            voxels = torch.from_numpy(image.voxels.transpose(2, 1, 0)[None].astype(np.float32))
            made.append(spacing(MetaTensor(voxels, affine=torch.from_numpy(affine)))[:, :96, :96, :24])
        return made

    return work


def _eager(predictor: Predictor, inputs: NDArray[np.uint8]) -> Callable[[], Any]:
    import torch

    network = cast("Any", predictor.model).network()

    def answer() -> Any:
        with torch.inference_mode():
            return network(torch.from_numpy(inputs).float().div(255))

    return answer


def _warm(cache: Path) -> Predictor | None:
    if find_spec("torch") is None:
        return None
    from abdominal_oncology.bench.prediction import FreshModel
    from abdominal_oncology.learning.predictor import Predictor
    from abdominal_oncology.tasks import load_task

    load_task("hcc")  # registers the networks
    shape = (4, *QUICK.pooled_shape)  # as the shipped bundle looks
    facts = BundleFacts(
        "fresh", "1", "hcc", "quartet", ("other", "hcc"), shape, "nothing", preparation=QUICK.to_mapping()
    )
    predictor = Predictor(cast("Model", FreshModel(facts)), "cpu", cache=cache)
    predictor.warm_up()
    return predictor


def _repeated(rows: Sequence[Contender], setting: Setting) -> list[Contender]:
    return [replace(row, repeats=setting.repeats) for row in rows]


def _skipped(task: str, why: str) -> Timing:
    return Timing(task, "ours", True, None, None, None, None, None, f"skipped: {why}")
