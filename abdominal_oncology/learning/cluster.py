"""Several GPUs and nodes: lightning-fabric behind the :class:`~abdominal_oncology.learning.engine.Engine` interface.

Start one process per device with ``python -m torch.distributed.run`` or SLURM, and pass ``FabricEngine()`` to
:func:`~abdominal_oncology.learning.trainer.train`. The global batch is the sampler's; each rank loads its share of it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn, optim

from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.learning.config import Precision

_PRECISIONS: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


class FabricEngine:
    """Distributed data parallel over all processes of this launch (one process works, too)."""

    def __init__(
        self, accelerator: str = "auto", devices: int | str = "auto", nodes: int = 1, precision: Precision = "auto"
    ) -> None:
        try:
            from lightning_fabric import Fabric
        except ImportError as missing:
            raise MissingDependencyError(
                "training on several devices needs lightning-fabric",
                remedy="install the extra: pip install 'abdominal-oncology[cluster]'",
            ) from missing
        cuda = accelerator in ("auto", "cuda", "gpu") and torch.cuda.is_available()
        if precision == "auto":
            precision = ("bf16" if torch.cuda.is_bf16_supported() else "16") if cuda else "32"
        self._fabric: Any = Fabric(
            accelerator=accelerator, strategy="ddp", devices=devices, num_nodes=nodes, precision=_PRECISIONS[precision]
        )
        self._fabric.launch()
        self.rank: int = self._fabric.global_rank
        self.size: int = self._fabric.world_size

    @property
    def device(self) -> torch.device:
        device: torch.device = self._fabric.device
        return device

    def set_up(self, model: nn.Module, optimizer: optim.Optimizer) -> tuple[nn.Module, optim.Optimizer]:
        wrapped = self._fabric.setup(model, optimizer)
        return wrapped[0], wrapped[1]

    def autocast(self) -> AbstractContextManager[object]:
        context: AbstractContextManager[object] = self._fabric.autocast()
        return context

    def holding_back(self, model: nn.Module, hold: bool) -> AbstractContextManager[object]:
        context: AbstractContextManager[object] = self._fabric.no_backward_sync(model, enabled=hold)
        return context

    def backward(self, loss: Tensor) -> None:
        self._fabric.backward(loss)

    def step(self, model: nn.Module, optimizer: optim.Optimizer, clip_norm: float) -> None:
        if clip_norm > 0:
            self._fabric.clip_gradients(model, optimizer, max_norm=clip_norm)
        optimizer.step()

    def mean(self, value: Tensor) -> Tensor:
        reduced: Tensor = self._fabric.all_reduce(value, reduce_op="mean")
        return reduced

    def barrier(self) -> None:
        self._fabric.barrier()

    def state(self) -> dict[str, Any]:
        scaler = getattr(self._fabric._precision, "scaler", None)
        return dict(scaler.state_dict()) if scaler is not None else {}

    def load_state(self, state: dict[str, Any]) -> None:
        scaler = getattr(self._fabric._precision, "scaler", None)
        if scaler is not None and state:
            scaler.load_state_dict(state)
