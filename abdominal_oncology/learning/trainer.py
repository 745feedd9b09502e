"""The training loop: visible, resumable to the bit, and honest about why it ended.

A run is a folder: ``config.yaml`` (resolved), ``last.pt`` and ``best.pt``, ``curves.csv``, ``events/``. Calling
:func:`train` again on the same folder goes on from ``last.pt``; weights then equal those of a run never interrupted,
because the rate depends on the step alone, batches on the epoch and seed alone, and torch's generators are restored.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abdominal_oncology.errors import Cancelled, InvalidInputError, TrainingStoppedError
from abdominal_oncology.learning.checkpoint import (
    load_checkpoint,
    random_state,
    restore_random_state,
    save_checkpoint,
)
from abdominal_oncology.learning.config import TrainConfig
from abdominal_oncology.learning.curves import Curves
from abdominal_oncology.learning.engine import Engine, SingleDevice
from abdominal_oncology.learning.losses import Loss
from abdominal_oncology.learning.optimise import build_optimizer, learning_rate, set_rate
from abdominal_oncology.progress import Progress, silent


class Output(NamedTuple):
    """What every network of this project returns: logits (n, K) and the features (n, d) they were made from."""

    logits: Tensor
    features: Tensor


class Batch(NamedTuple):
    """Inputs as the network takes them, and the target as the loss takes it."""

    inputs: Tensor
    target: Tensor


class BatchSource(Protocol):
    """Where batches come from. Both methods depend on their arguments alone, never on what was asked before."""

    def order(self, epoch: int) -> Sequence[NDArray[np.intp]]:
        """The case indices of each batch of an epoch; every epoch has as many batches."""
        ...

    def load(self, indices: NDArray[np.intp], epoch: int) -> Batch:
        """The batch itself, augmented as this epoch wants it."""
        ...


Validation = Callable[[nn.Module], Mapping[str, float]]


@dataclass(frozen=True)
class RunResult:
    """How a run ended. ``best_value`` is NaN where nothing was validated."""

    folder: Path
    steps: int
    best_step: int
    best_value: float
    reason: Literal["finished", "no better for a while"]


def train(
    model: nn.Module,
    loss: Loss,
    source: BatchSource,
    config: TrainConfig,
    folder: Path,
    *,
    validate: Validation | None = None,
    engine: Engine | None = None,
    progress: Progress = silent,
) -> RunResult:
    """Train ``model`` in place; it ends with the last weights, ``best.pt`` holds the best.

    ``validate`` gets the model in evaluation mode and gives named values; ``config.best_metric`` is one of them.
    Raising Cancelled from ``progress`` saves the state and stops between two steps.
    """
    engine = engine or SingleDevice("cpu", config.precision)
    run = _Run(model, loss, source, config, folder, validate, engine)
    try:
        return run.go(progress)
    finally:
        run.close()


class _Run:
    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        source: BatchSource,
        config: TrainConfig,
        folder: Path,
        validate: Validation | None,
        engine: Engine,
    ) -> None:
        self.config, self.folder, self.source, self.validate, self.engine = config, folder, source, validate, engine
        self.is_writer = engine.rank == 0
        self._was_deterministic = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(config.deterministic or self._was_deterministic)
        self._claim_folder()
        self.bare_model = model.to(engine.device)
        self.loss = loss.to(engine.device)
        optimizer = build_optimizer([*model.parameters(), *loss.parameters()], config)
        self.model, self.optimizer = engine.set_up(self.bare_model, optimizer)
        self.batches_per_epoch = len(source.order(0))
        if not self.batches_per_epoch:
            raise InvalidInputError("there is nothing to train on: the first epoch has no batches")
        self.steps_per_epoch = math.ceil(self.batches_per_epoch / config.accumulate)
        self.total = config.iterations or config.epochs * self.steps_per_epoch
        self.step, self.best_step, self.stale = 0, -1, 0
        self.best_value = math.nan
        if (folder / "last.pt").exists():
            self._load(load_checkpoint(folder / "last.pt"))
        else:
            torch.manual_seed(config.seed + engine.rank)

    def close(self) -> None:
        torch.use_deterministic_algorithms(self._was_deterministic)

    def go(self, progress: Progress) -> RunResult:
        reason: Literal["finished", "no better for a while"] = "finished"
        started, first = time.monotonic(), self.step
        with Curves(self.folder, self.step, self.config.tensorboard) if self.is_writer else _Nothing() as curves:
            while self.step < self.total:
                value = self._one_step()
                rate = self.optimizer.param_groups[0]["lr"]
                curves.add(self.step, self.epoch, {"loss": value, "rate": rate})
                self.step += 1
                is_last = self.step == self.total
                if self.validate and (is_last or self._every(self.config.validate_every)):
                    self._validate(curves)
                enough = 0 < self.config.patience <= self.stale
                if is_last or enough or self._every(self.config.checkpoint_every):
                    self._save("last.pt")
                if enough:
                    reason = "no better for a while"
                    break
                self._report(progress, value, started, first)
        return RunResult(self.folder, self.step, self.best_step, self.best_value, reason)

    @property
    def epoch(self) -> int:
        return self.step // self.steps_per_epoch

    def _one_step(self) -> float:
        config, engine = self.config, self.engine
        within = self.step % self.steps_per_epoch
        order = self.source.order(self.epoch)
        if len(order) != self.batches_per_epoch:
            raise InvalidInputError(
                f"epoch {self.epoch} has {len(order)} batches and the first had {self.batches_per_epoch}"
            )
        group = order[within * config.accumulate : (within + 1) * config.accumulate]
        set_rate(self.optimizer, learning_rate(config, self.step, self.steps_per_epoch, self.total))
        self.model.train()
        self.loss.train()
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=engine.device)
        for index, indices in enumerate(group):
            batch = self.source.load(indices[engine.rank :: engine.size], self.epoch)
            with engine.holding_back(self.model, index < len(group) - 1):
                with engine.autocast():
                    logits, features = self.model(batch.inputs.to(engine.device, non_blocking=True))
                    value = self.loss(logits.float(), features.float(), batch.target.to(engine.device)) / len(group)
                engine.backward(value)
            total += engine.mean(value.detach())
        mean = float(total)
        if not math.isfinite(mean):
            raise TrainingStoppedError(
                f"the loss became {mean} at step {self.step}",
                where=self.folder,
                remedy="the last good state is in last.pt; lower the learning rate or clip gradients",
            )
        engine.step(self.model, self.optimizer, config.clip_norm)
        return mean

    def _every(self, interval: int) -> bool:
        unit = 1 if self.config.iterations else self.steps_per_epoch
        return self.step % (interval * unit) == 0

    def _validate(self, curves: Any) -> None:
        assert self.validate is not None
        self.bare_model.eval()
        random_before = random_state()  # validating must not change what training draws next
        with torch.no_grad(), self.engine.autocast():
            values = dict(self.validate(self.bare_model))
        restore_random_state(random_before)
        if self.config.best_metric not in values:
            raise InvalidInputError(
                f"validation gives no {self.config.best_metric!r}",
                where="training setting 'best_metric'",
                remedy=f"choose one of {', '.join(values)}",
            )
        done = self.step - 1
        curves.add(done, done // self.steps_per_epoch, {f"validation/{name}": v for name, v in values.items()})
        value = values[self.config.best_metric]
        higher = self.config.best_is == "highest"
        if math.isnan(self.best_value) or (value > self.best_value if higher else value < self.best_value):
            self.best_value, self.best_step, self.stale = float(value), self.step, 0
            self._save("best.pt")
        else:
            self.stale += 1

    def _report(self, progress: Progress, loss: float, started: float, first: int) -> None:
        left = (time.monotonic() - started) / (self.step - first) * (self.total - self.step)
        stage = f"epoch {self.epoch + 1}, step {self.step} of {self.total}, loss {loss:.4g}, {_duration(left)} left"
        try:
            progress(self.step / self.total, stage)
        except Cancelled:
            self._save("last.pt")
            raise

    def _save(self, name: str) -> None:
        if self.is_writer:
            weights = self.bare_model.state_dict()
            if not all(bool(torch.isfinite(w).all()) for w in weights.values() if w.is_floating_point()):
                raise TrainingStoppedError(
                    f"the weights are no longer finite after step {self.step}",
                    where=self.folder,
                    remedy="the last good state is in last.pt; lower the learning rate or clip gradients",
                )
            state = {
                "model": weights,
                "loss": self.loss.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "engine": self.engine.state(),
                "random": random_state(),
                "step": self.step,
                "best_step": self.best_step,
                "best_value": self.best_value,
                "stale": self.stale,
            }
            save_checkpoint(state, self.folder / name)
        self.engine.barrier()

    def _load(self, state: dict[str, Any]) -> None:
        self.bare_model.load_state_dict(state["model"])
        self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.engine.load_state(state["engine"])
        restore_random_state(state["random"])
        self.step, self.best_step, self.stale = state["step"], state["best_step"], state["stale"]
        self.best_value = state["best_value"]

    def _claim_folder(self) -> None:
        """The folder is new, or holds a run of the very same configuration."""
        path = self.folder / "config.yaml"
        if path.exists():
            if TrainConfig.from_yaml(path) != self.config:
                raise InvalidInputError(
                    "this folder holds a run with another configuration",
                    where=self.folder,
                    remedy="name a new folder, or use the configuration in its config.yaml",
                )
        elif self.is_writer:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.config.write_yaml(path)
        self.engine.barrier()


class _Nothing:
    """Curves of a rank that does not write."""

    def add(self, step: int, epoch: int, values: Mapping[str, float]) -> None: ...

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_: object) -> None: ...


def _duration(seconds: float) -> str:
    """
    >>> _duration(40), _duration(400), _duration(40000)
    ('40 s', '7 min', '11.1 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
