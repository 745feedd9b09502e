"""Where a training step runs. The default is one device of our own; :mod:`cluster` adapts lightning-fabric."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn, optim

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.config import Precision


class Engine(Protocol):
    """What the training loop asks of the hardware. ``rank`` 0 writes; each rank sees every ``size``-th case."""

    rank: int
    size: int

    @property
    def device(self) -> torch.device: ...

    def set_up(self, model: nn.Module, optimizer: optim.Optimizer) -> tuple[nn.Module, optim.Optimizer]: ...

    def autocast(self) -> AbstractContextManager[object]:
        """Around forward pass and loss: mixed precision where the device has it."""
        ...

    def holding_back(self, model: nn.Module, hold: bool) -> AbstractContextManager[object]:
        """Around all but the last of accumulated batches: ranks need not exchange gradients yet."""
        ...

    def backward(self, loss: Tensor) -> None: ...

    def step(self, model: nn.Module, optimizer: optim.Optimizer, clip_norm: float) -> None: ...

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a scalar over all ranks."""
        ...

    def barrier(self) -> None: ...

    def state(self) -> dict[str, Any]: ...

    def load_state(self, state: dict[str, Any]) -> None: ...


class SingleDevice:
    """One CPU or GPU. ``auto`` precision: bfloat16 where the GPU has it, float16 on older ones, float32 on a CPU."""

    rank = 0
    size = 1

    def __init__(self, device: str | torch.device = "cpu", precision: Precision = "auto") -> None:
        self._device = torch.device(device)
        cuda = self._device.type == "cuda"
        if cuda and not torch.cuda.is_available():
            raise InvalidInputError("no CUDA device was found", remedy="use cpu, or install a CUDA build of torch")
        if precision == "auto":
            precision = ("bf16" if torch.cuda.is_bf16_supported() else "16") if cuda else "32"
        if precision == "16" and not cuda:
            raise InvalidInputError("float16 training needs a CUDA device", remedy="use precision 32 or bf16")
        self._type = {"32": None, "bf16": torch.bfloat16, "16": torch.float16}[precision]
        # float16 gradients underflow without scaling; the other types do not need it
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=precision == "16")

    @property
    def device(self) -> torch.device:
        return self._device

    def set_up(self, model: nn.Module, optimizer: optim.Optimizer) -> tuple[nn.Module, optim.Optimizer]:
        return model, optimizer

    def autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(self._device.type, self._type) if self._type else nullcontext()

    def holding_back(self, model: nn.Module, hold: bool) -> AbstractContextManager[object]:
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def step(self, model: nn.Module, optimizer: optim.Optimizer, clip_norm: float) -> None:
        if clip_norm > 0:
            self._scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        self._scaler.step(optimizer)
        self._scaler.update()

    def mean(self, value: Tensor) -> Tensor:
        return value

    def barrier(self) -> None:
        """Nobody to wait for."""

    def state(self) -> dict[str, Any]:
        return dict(self._scaler.state_dict())

    def load_state(self, state: dict[str, Any]) -> None:
        self._scaler.load_state_dict(state)
