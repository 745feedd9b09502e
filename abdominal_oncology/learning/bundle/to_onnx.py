"""A network as an ONNX file, compared with torch before it is believed."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

from abdominal_oncology.errors import MissingDependencyError, UnreadableFileError
from abdominal_oncology.files import replacing
from abdominal_oncology.learning.runtime_onnx import OnnxRuntime

OPSET = 18
INPUT = "image"
OUTPUTS = ("logits", "features")
TOLERANCE = 1e-4
"""The largest difference to torch, as a share of the output's largest value."""


def export_onnx(network: nn.Module, input_shape: tuple[int, ...], path: Path, *, seed: int = 0) -> float:
    """Write ``path`` with float32 weights and any batch size; gives the largest relative difference to torch.

    ``input_shape`` is (C, H, W) or (C, D, H, W), fixed. Compared on random inputs in batches of 1 and 3.
    """
    _need_packages()
    bare = copy.deepcopy(network).to("cpu").float().eval()
    generator = torch.Generator().manual_seed(seed)
    with replacing(path) as temporary:
        try:
            _export(bare, torch.randn(2, *input_shape, generator=generator), temporary)
        except RuntimeError as error:  # the exporter's own errors are such
            problem = str(error).strip().splitlines()[0]
            raise UnreadableFileError(
                f"this network cannot be written as ONNX: {problem}", where=path, remedy="write it without ONNX"
            ) from error
        runtime = OnnxRuntime(temporary)
        worst = max(
            _difference(bare, runtime, torch.randn(batch, *input_shape, generator=generator)) for batch in (1, 3)
        )
        runtime.close()  # Windows does not rename an open file
        if not worst <= TOLERANCE:
            raise UnreadableFileError(
                f"the ONNX form of the network differs from torch by {worst:.2g} of its largest output "
                f"(allowed {TOLERANCE:g})",
                where=path,
                remedy="write the bundle without ONNX and report this",
            )
    return worst


def _export(network: nn.Module, example: torch.Tensor, path: Path) -> None:
    with _quiet():
        torch.onnx.export(
            network,
            (example,),
            str(path),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter talks about its own parts and about torchvision; the comparison is what counts."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@torch.inference_mode()
def _difference(network: nn.Module, runtime: OnnxRuntime, inputs: torch.Tensor) -> float:
    wanted = [each.numpy() for each in network(inputs)]
    largest = max(float(np.abs(each).max()) for each in wanted)
    worst = 0.0
    for theirs, ours in zip(runtime.start(inputs.numpy())(), wanted, strict=True):
        if theirs.shape != ours.shape or not np.isfinite(theirs).all():
            return float("inf")
        # logits near zero are sums of large features that cancel: not exact to their own size
        size = max(float(np.abs(ours).max()), 0.01 * largest, float(np.finfo(np.float32).tiny))
        worst = max(worst, float(np.abs(theirs - ours).max()) / size)
    return worst


def _need_packages() -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise MissingDependencyError(
                f"writing ONNX needs {package}", remedy="install onnxscript and onnxruntime, or do without ONNX"
            )
