"""Which engine answers on a CPU, and why."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch

from abdominal_oncology.errors import (
    InvalidInputError,
    MissingDependencyError,
    PredictionFailedError,
    UnreadableFileError,
)
from abdominal_oncology.files import write_atomically
from abdominal_oncology.learning.bundle.to_onnx import export_onnx
from abdominal_oncology.learning.config import Precision
from abdominal_oncology.learning.runtime import EngineName, Model, Runtime
from abdominal_oncology.learning.runtime_onnx import OnnxRuntime
from abdominal_oncology.learning.runtime_torch import TorchRuntime

_OF_A_SLICE = 3
"""Numbers in the shape of a slice's input: channels, rows, columns."""


def choose_cpu_runtime(
    model: Model, engine: EngineName, precision: Precision, cache: Path | None
) -> tuple[Runtime, str]:
    """ONNX Runtime where it can be had (``engine`` onnx: or an error), torch otherwise; with the reason.

    For volumes it is torch: ONNX Runtime takes up to twice as long for convolutions in three dimensions, and the export
    ten seconds at the first click.
    """
    if engine == "auto" and len(model.facts.input_shape) > _OF_A_SLICE and model.onnx_path is None:
        return TorchRuntime(model.network(), torch.device("cpu"), precision), "as quick on volumes, without an export"
    try:
        path, source = _onnx_file(model, precision, cache)
        return OnnxRuntime(path), source
    except (MissingDependencyError, InvalidInputError, PredictionFailedError, UnreadableFileError) as why:
        if engine == "onnx":
            raise
        return TorchRuntime(model.network(), torch.device("cpu"), precision), why.problem


def _onnx_file(model: Model, precision: Precision, cache: Path | None) -> tuple[Path, str]:
    if find_spec("onnxruntime") is None:
        raise MissingDependencyError("ONNX Runtime is not installed", remedy="pip install onnxruntime")
    if precision not in ("auto", "32"):
        raise InvalidInputError(f"ONNX Runtime computes in float32, not {precision}", remedy="use precision 32")
    if model.onnx_path is not None:
        return model.onnx_path, "the bundle has an ONNX file"
    if cache is None:
        raise InvalidInputError("the bundle has no ONNX file", remedy="add one: bundle export NAME --output DIR --onnx")
    # an exporter of another torch may succeed where this one failed
    name = f"{model.sha256[:32] or model.facts.name}-torch{torch.__version__.split('+')[0]}"
    path, failed = cache / f"{name}.onnx", cache / f"{name}.failed.txt"
    if failed.exists():
        raise PredictionFailedError(failed.read_text(encoding="utf-8"), remedy=f"delete {failed} to try again")
    if not path.exists():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            export_onnx(model.network(), model.facts.input_shape, path)
        except (UnreadableFileError, RuntimeError) as why:  # torch's exporter raises RuntimeErrors of its own
            problem = f"no ONNX file could be made: {str(why).splitlines()[0]}"
            write_atomically(failed, problem.encode())  # an export takes seconds: not again at every start
            raise PredictionFailedError(problem, remedy="use engine torch") from why
        except OSError as why:
            raise PredictionFailedError(f"no ONNX file can be kept in {cache}: {why.strerror}") from why
    return path, "an ONNX file in the cache"
