"""Answers from torch, on any device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.config import Precision
from abdominal_oncology.learning.runtime import Finish, telling_out_of_memory

_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


class TorchRuntime:
    """A network on a device, its weights and inputs with the channels last.

    ``auto`` precision is float16 on CUDA, whose numbers are finer than bfloat16's, and float32 elsewhere.
    """

    def __init__(self, network: nn.Module, device: torch.device, precision: Precision = "auto") -> None:
        if precision == "auto":
            precision = "16" if device.type == "cuda" else "32"
        if precision == "16" and device.type == "cpu":
            raise InvalidInputError("float16 needs a GPU", remedy="use precision 32, bf16 or auto")
        self.device = device
        self._half = {"16": torch.float16, "bf16": torch.bfloat16}.get(precision)
        with telling_out_of_memory(RuntimeError):
            self._network: nn.Module | None = network.eval().requires_grad_(False).to(device)
            if device.type != "mps":  # Metal's convolutions want channels first
                _channels_last(network)
        self._feed = _PinnedFeed() if device.type == "cuda" else None

    @property
    def name(self) -> str:
        numbers = {torch.float16: ", float16", torch.bfloat16: ", bfloat16"}.get(self._half or torch.float32, "")
        return f"torch {torch.__version__}{numbers}"

    @property
    def is_exact(self) -> bool:
        return self._half is None

    @property
    def network(self) -> nn.Module:
        """The network itself, on the device, for those who look inside it."""
        assert self._network is not None, "this runtime was closed"
        return self._network

    def start(self, batch: NDArray[Any]) -> Finish:
        assert self._network is not None, "this runtime was closed"
        with telling_out_of_memory(RuntimeError), torch.inference_mode(), self._autocast():
            output = self._network(self._to_device(batch))
            if not isinstance(output, tuple) or len(output) != 2:
                raise InvalidInputError(
                    f"the network gives {type(output).__name__}, not logits and features",
                    where=type(self._network).__name__,
                )
            return _collect(output[0], output[1])

    def close(self) -> None:
        self._network = self._feed = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, self._half) if self._half else nullcontext()

    def _to_device(self, batch: NDArray[Any]) -> Tensor:
        if batch.dtype not in (np.uint8, np.float16, np.float32):
            batch = batch.astype(np.float32)
        if not (batch.flags.c_contiguous and batch.flags.writeable):  # torch shares memory only with such arrays
            batch = batch.copy()
        host = torch.from_numpy(batch)
        moved = self._feed(host, self.device) if self._feed else host.to(self.device)
        values = moved.float().div_(255) if moved.dtype == torch.uint8 else moved.float()
        return values if self.device.type == "mps" else values.contiguous(memory_format=_FORMATS[values.ndim])


class _PinnedFeed:
    """Two page-locked buffers in turn: one is filled while the other is copied to the GPU."""

    def __init__(self) -> None:
        self._buffers: list[Tensor | None] = [None, None]
        self._copied: list[torch.cuda.Event | None] = [None, None]
        self._turn = 0

    def __call__(self, source: Tensor, device: torch.device) -> Tensor:
        turn = self._turn = 1 - self._turn
        event, buffer = self._copied[turn], self._buffers[turn]
        if event is not None:
            event.synchronize()
        fits = buffer is not None and buffer.dtype == source.dtype and buffer.shape[1:] == source.shape[1:]
        if buffer is None or not fits or len(buffer) < len(source):
            buffer = self._buffers[turn] = torch.empty_like(source, pin_memory=True)
        view = buffer[: len(source)].copy_(source)
        moved = view.to(device, non_blocking=True)
        event = self._copied[turn] = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        return moved


def _channels_last(network: nn.Module) -> None:
    """``Module.to(memory_format=…)`` refuses networks that have both 2-D and 3-D kernels."""
    for parameter in network.parameters():
        if parameter.ndim in _FORMATS:
            parameter.data = parameter.data.contiguous(memory_format=_FORMATS[parameter.ndim])


def _collect(logits: Tensor, features: Tensor) -> Finish:
    if logits.device.type != "cuda":
        arrays = logits.float().cpu().numpy(), features.float().cpu().numpy()
        return lambda: arrays
    hosts = [torch.empty(each.shape, dtype=torch.float32, pin_memory=True) for each in (logits, features)]
    for host, each in zip(hosts, (logits, features), strict=True):
        host.copy_(each, non_blocking=True)
    done = torch.cuda.Event()  # type: ignore[no-untyped-call]
    done.record()

    def finish() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        done.synchronize()
        return hosts[0].numpy().copy(), hosts[1].numpy().copy()

    return finish
