"""A rectal volume of 512 × 512 × 30 from the image to the finding, the model warm, beside the plain 3-D encoder.

What a network answers does not change how long it takes, so its weights are random. Each network's row says how many
operations its eight looks are; a machine's product of large matrices is the floor under them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.bench.measure import Contender, Timing, compare, each_setting
from abdominal_oncology.progress import Progress, part, silent
from abdominal_oncology.rectal.phantom import rectal_phantom
from abdominal_oncology.rectal.prepare import VolumePreparation
from abdominal_oncology.rectal.samples import stage_samples
from abdominal_oncology.rectal.stage import stage

if TYPE_CHECKING:
    from abdominal_oncology.imaging.image import Image
    from abdominal_oncology.learning.predictor import Predictor
    from abdominal_oncology.learning.runtime import EngineName

_OURS, _PLAIN = "f-rmc5", "f-r3d"
_GOAL_PREPARED, _GOAL_CORRECTED, _GOAL_LOOKS = 0.5, 15.0, 6.0
"""Seconds on two cores that do nothing else."""


@dataclass(frozen=True)
class Setting:
    """What the network sees of a volume of ``slices`` × ``matrix`` × ``matrix``."""

    size: int = 128
    depth: int = 16
    matrix: int = 512
    slices: int = 30
    repeats: int = 3

    @property
    def tasks(self) -> tuple[str, str, str]:
        volume = f"{self.matrix} × {self.matrix} × {self.slices}"
        seen = f"{self.size} × {self.size} × {self.depth}"
        return f"preparation of {volume} to {seen}", f"eight looks at {seen}", f"finding of {volume}, {seen}"


SETTINGS = (Setting(), Setting(size=256, depth=30, repeats=1))
"""As the shipped bundle looks, and as the source paper did: 256 × 256, every slice."""


def run(only: str, progress: Progress) -> list[Timing]:
    """All tasks whose name contains ``only``."""
    return each_setting(SETTINGS, only, measure, progress)


def measure(setting: Setting, only: str = "", progress: Progress = silent) -> list[Timing]:
    """The tasks of one setting on a phantom."""
    progress(0.0, "drawing a phantom")
    image = rectal_phantom(0, stage="T3", matrix=setting.matrix, slices=setting.slices).images["t2"]
    wanted = [only.lower() in task.lower() for task in setting.tasks]
    timings: list[Timing] = []
    if wanted[0]:
        timings += compare(setting.tasks[0], _preparations(setting, image), part(progress, 0.1, 0.4))
    if not any(wanted[1:]):
        return timings
    with TemporaryDirectory(prefix="bench-") as cache:
        ours, plain = (_warm(setting, network, "auto", Path(cache)) for network in (_OURS, _PLAIN))
        torch_alone = _warm(setting, _OURS, "torch", Path(cache))
        if wanted[1]:
            inputs = _inputs(setting)
            rows = [
                Contender("ours", _looks(ours, inputs), ours=True, goal_seconds=_GOAL_LOOKS),
                Contender("ours, torch", _looks(torch_alone, inputs), ours=True),
                Contender("plain f-R3D, same engine", _looks(plain, inputs)),
                Contender("f-rMC5, torch eager, look by look", _eager(torch_alone, inputs)),
            ]
            found = compare(setting.tasks[1], _repeated(rows, setting), part(progress, 0.4, 0.8))
            counts = [_operations(setting, network) for network in (_OURS, _OURS, _PLAIN, _OURS)]
            timings += [
                replace(row, note=row.note or f"{8 * each / 1e9:.0f} GFLOP")
                for row, each in zip(found, counts, strict=True)
            ]
        if wanted[2]:
            rows = [Contender("ours, with evidence", lambda: stage(image, predictor=ours), ours=True)]
            timings += compare(setting.tasks[2], _repeated(rows, setting), part(progress, 0.8, 1.0))
        for predictor in (ours, plain, torch_alone):
            predictor.release()  # Windows deletes no file that a session holds
    return timings


def _preparation(setting: Setting, **changes: Any) -> VolumePreparation:
    return replace(VolumePreparation(size=setting.size, depth=setting.depth), **changes)


def _preparations(setting: Setting, image: Image) -> Sequence[Contender]:
    corrected = _preparation(setting, bias_correction=True)
    rows = [
        Contender(
            "ours, without N4",
            lambda: stage_samples(image, _preparation(setting)),
            ours=True,
            goal_seconds=_GOAL_PREPARED,
        ),
        Contender("ours, with N4", lambda: stage_samples(image, corrected), goal_seconds=_GOAL_CORRECTED, repeats=1),
    ]
    return [replace(row, repeats=min(row.repeats, setting.repeats)) for row in rows]


def _warm(setting: Setting, network: str, engine: EngineName, cache: Path) -> Predictor:
    from abdominal_oncology.bench.prediction import FreshModel
    from abdominal_oncology.learning.bundle.facts import BundleFacts
    from abdominal_oncology.learning.predictor import Predictor
    from abdominal_oncology.tasks import load_task

    load_task("rectal")  # registers the networks
    facts = BundleFacts(
        f"fresh-{network}",
        "1",
        "rectal",
        network,
        ("T2", "T3"),
        (2, setting.depth, setting.size, setting.size),
        "nothing",
        network_options={"aggregation": "bilinear"},
        preparation=_preparation(setting).to_mapping(),
    )
    model = FreshModel(facts, sha256=f"{network}-{setting.size}-{setting.depth}".ljust(64, "0"))
    predictor = Predictor(model, "cpu", engine, cache=cache)
    predictor.warm_up()
    return predictor


def _inputs(setting: Setting) -> NDArray[np.uint8]:
    from abdominal_oncology.rectal.marks import as_input

    shape = (setting.depth, setting.size, setting.size)
    return as_input(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def _looks(predictor: Predictor, inputs: NDArray[np.uint8]) -> Callable[[], Any]:
    from abdominal_oncology.rectal.looks import look

    return lambda: look([predictor], inputs)


def _eager(predictor: Predictor, inputs: NDArray[np.uint8]) -> Callable[[], Any]:
    """As most would write it: the same views, one after the other, in torch's usual memory order."""
    import torch

    from abdominal_oncology.learning.augment import named_views
    from abdominal_oncology.rectal.looks import viewed

    network = predictor.model.network()

    def answer() -> Any:
        with torch.inference_mode():
            return [network(torch.from_numpy(each)) for each in viewed(inputs, named_views("tta8"))]

    return answer


def _operations(setting: Setting, network: str) -> int:
    """Of one look; a multiplication with its addition is two."""
    from abdominal_oncology.learning import networks

    built = networks.find_network("rectal", network).build(2, aggregation="bilinear")
    return networks.measure(built, (2, setting.depth, setting.size, setting.size)).flops


def _repeated(rows: Sequence[Contender], setting: Setting) -> list[Contender]:
    return [replace(row, repeats=setting.repeats) for row in rows]
