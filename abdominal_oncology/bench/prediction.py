"""Prediction: our predictor on a CPU beside the same network in plain torch, in slices per second."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.bench.measure import Contender, Timing, compare
from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.progress import Progress, part

if TYPE_CHECKING:
    from torch import nn

_SIZE, _SLICES = 224, 32
_CLASSES = ("non-contrast", "arterial", "venous", "delayed")
_NETWORKS = ("efficientnet-b0", "efficientnet-b2")
_GOAL_SECONDS = {"efficientnet-b0": 1 / 100, "efficientnet-b2": 1 / 60}
"""On two cores; figures of the plan with ONNX Runtime: 106 and 67 slices a second."""


@dataclass(frozen=True)
class FreshModel:
    """A model with random weights: how fast it answers does not depend on what it has learned."""

    facts: BundleFacts
    onnx_path: Path | None = None
    sha256: str = "0" * 64
    weights_sha256: str = "0" * 64

    def network(self) -> nn.Module:
        import torch

        from abdominal_oncology.learning.networks import find_network

        torch.manual_seed(0)
        return (
            find_network(self.facts.task, self.facts.network)
            .build(len(self.facts.classes), **self.facts.network_options)
            .eval()
        )


def run(only: str, progress: Progress) -> list[Timing]:
    """All prediction tasks whose name contains ``only``."""
    from abdominal_oncology.tasks import load_task

    load_task("phase")  # registers the networks
    chosen = [name for name in _NETWORKS if only in _task_name(name)]
    timings: list[Timing] = []
    for number, name in enumerate(chosen):
        timings += _network(name, part(progress, number / len(chosen), (number + 1) / len(chosen)))
    return timings


def _task_name(network: str) -> str:
    return f"{network} at {_SIZE} (per slice)"


def _network(name: str, progress: Progress) -> list[Timing]:
    from abdominal_oncology.learning.predictor import Predictor

    model = FreshModel(BundleFacts("fresh", "1", "phase", name, _CLASSES, (1, _SIZE, _SIZE), "nothing"))
    slices = np.random.default_rng(0).integers(0, 256, (_SLICES, 1, _SIZE, _SIZE), dtype=np.uint8)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        ours = Predictor(model, "cpu", cache=Path(folder))
        ours.warm_up()
        engine = ours.provenance().engine.split(" (")[0]
        rows = [
            Contender(f"Predictor, {engine}", lambda: ours.run(slices), ours=True, goal_seconds=_GOAL_SECONDS[name]),
            Contender("Predictor, torch", _predictor(model, slices), ours=True),
            Contender("torch, channels last", _plain(model, slices, channels_last=True)),
            Contender("torch eager", _plain(model, slices)),
            Contender("ONNX Runtime alone", _onnx_alone(model, slices, Path(folder))),
        ]
        per_slice = [Contender(r.name, r.run, r.ours, _SLICES, 3, r.goal_seconds) for r in rows]
        timings = compare(_task_name(name), per_slice, progress)
        ours.release()  # Windows deletes no file that a session holds
    return timings


def _predictor(model: FreshModel, slices: NDArray[np.uint8]) -> Callable[[], Any]:
    from abdominal_oncology.learning.predictor import Predictor

    predictor = Predictor(model, "cpu", "torch")
    return lambda: predictor.run(slices)


def _plain(model: FreshModel, slices: NDArray[np.uint8], channels_last: bool = False) -> Callable[[], Any]:
    """As most would write it: one batch of 16 after the other."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    network: Any = model.network()
    network = network.to(memory_format=layout)

    def answer() -> Any:
        with torch.inference_mode():
            batches = torch.split(torch.from_numpy(slices).float().div(255), 16)
            return [network(batch.contiguous(memory_format=layout)) for batch in batches]

    return answer


def _onnx_alone(model: FreshModel, slices: NDArray[np.uint8], folder: Path) -> Callable[[], Any]:
    """The floor: what ONNX Runtime takes for values that are floats already."""
    ready = slices.astype(np.float32) / 255

    def answer() -> Any:
        found = next(iter(folder.glob("*.onnx")), None)
        if found is None:
            raise MissingDependencyError("no ONNX file could be made here")
        session = sessions.get(found) or sessions.setdefault(found, _session(found))
        name = session.get_inputs()[0].name
        return [session.run(None, {name: ready[start : start + 16]}) for start in range(0, len(ready), 16)]

    sessions: dict[Path, Any] = {}
    return answer


def _session(path: Path) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    from abdominal_oncology.imaging.dicom.workers import processor_count

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = processor_count()
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
