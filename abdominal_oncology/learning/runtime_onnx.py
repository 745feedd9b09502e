"""Answers from ONNX Runtime on the CPU: about three times torch's speed for small convolutional networks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import MissingDependencyError, PredictionFailedError, UnreadableFileError
from abdominal_oncology.imaging.dicom.workers import processor_count
from abdominal_oncology.learning.answers import Floats
from abdominal_oncology.learning.runtime import Finish, as_floats, telling_out_of_memory


class OnnxRuntime:
    """A session on one ONNX file whose outputs are logits and features, for batches of any size."""

    is_exact = True

    def __init__(self, path: Path, threads: int | None = None) -> None:
        try:
            import onnxruntime  # type: ignore[import-untyped]
            from onnxruntime.capi import onnxruntime_pybind11_state as state  # type: ignore[import-untyped]
        except ImportError as missing:
            raise MissingDependencyError(
                "this engine needs ONNX Runtime", remedy="pip install onnxruntime, or use engine torch"
            ) from missing
        # pybind registers its errors one by one, without a base of their own
        self._kinds = (state.RuntimeException, state.Fail, state.InvalidArgument)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or processor_count()
        # threads that wait for work in a loop take it from whoever prepares the next batch or measures beside
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.dynamic_block_base", "4")  # the free core takes the larger share
        options.log_severity_level = 3  # errors only: its warnings are for those who wrote the graph
        try:
            session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
        except (*self._kinds, state.NoSuchFile, state.InvalidProtobuf, state.InvalidGraph, state.NotImplemented) as why:
            raise UnreadableFileError(
                f"ONNX Runtime cannot load this network: {why}", where=path, remedy="use engine torch"
            ) from why
        outputs = [each.name for each in session.get_outputs()]
        self._input = session.get_inputs()[0].name
        if len(session.get_inputs()) != 1 or len(outputs) != 2 or isinstance(session.get_inputs()[0].shape[0], int):
            raise UnreadableFileError(
                "this network must take one input of any batch size and give logits and features",
                where=path,
                remedy="export it again with abdominal-oncology bundle export, or use engine torch",
            )
        named = {"logits", "features"} <= set(outputs)
        self._outputs = ["logits", "features"] if named else outputs
        self._session: Any = session
        self.name = f"ONNX Runtime {onnxruntime.__version__}"

    def start(self, batch: NDArray[Any]) -> Finish:
        try:
            with telling_out_of_memory(*self._kinds):
                logits, features = self._session.run(self._outputs, {self._input: as_floats(batch)})
        except self._kinds as why:
            raise PredictionFailedError(f"ONNX Runtime stopped: {why}", remedy="use engine torch") from why
        arrays: tuple[Floats, Floats] = np.asarray(logits, np.float32), np.asarray(features, np.float32)
        return lambda: arrays

    def close(self) -> None:
        self._session = None
