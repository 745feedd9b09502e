"""A network as an ONNX file, checked against torch before anybody uses it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

from abdominal_oncology.errors import MissingDependencyError, PredictionFailedError
from abdominal_oncology.files import replacing

TOLERANCE = 1e-4
"""By how much probabilities from ONNX Runtime and torch may differ."""


def export_onnx(network: nn.Module, input_shape: Sequence[int], path: Path) -> None:
    """Write ``network`` (input ``inputs``, outputs ``logits`` and ``features``, any batch size) to ``path``.

    Where ONNX Runtime is installed the file must answer two random samples as torch does, or it is not kept.
    """
    if not (find_spec("onnx") and find_spec("onnxscript")):
        raise MissingDependencyError("writing ONNX needs onnx and onnxscript", remedy="pip install onnx onnxscript")
    network = network.eval().cpu()
    # two samples: a batch of one would be traced as a constant
    example = torch.rand(2, *input_shape, generator=torch.Generator().manual_seed(0))
    with replacing(path) as temporary:
        try:
            with _quiet(), torch.no_grad():
                torch.onnx.export(
                    network,
                    (example,),
                    temporary,
                    input_names=["inputs"],
                    output_names=["logits", "features"],
                    dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
                    dynamo=True,
                    external_data=False,
                    verbose=False,
                )
        except RuntimeError as why:  # the exporter's own errors are RuntimeErrors
            raise PredictionFailedError(
                f"{type(network).__name__} cannot be written as ONNX: {str(why).splitlines()[0]}",
                remedy="use engine torch",
            ) from why
        if find_spec("onnxruntime"):
            _check(network, temporary, example)


def _check(network: nn.Module, path: Path, example: torch.Tensor) -> None:
    from abdominal_oncology.learning.runtime_onnx import OnnxRuntime

    with torch.no_grad():
        expected = torch.softmax(network(example)[0], 1).numpy()
    runtime = OnnxRuntime(path)
    for count in (1, 2):
        logits, _ = runtime.start(example[:count].numpy())()
        difference = float(np.abs(torch.softmax(torch.from_numpy(logits), 1).numpy() - expected[:count]).max())
        if not difference <= TOLERANCE:
            raise PredictionFailedError(
                f"ONNX Runtime answers differently from torch, by {difference:.1g}", remedy="use engine torch"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter speaks of torchvision and of its own deprecations, which tell a user nothing."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
