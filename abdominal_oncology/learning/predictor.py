"""Predictor: one model kept warm on one device, and honest about what it had to do to answer."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from abdominal_oncology import __version__
from abdominal_oncology.errors import InvalidInputError, PredictionFailedError
from abdominal_oncology.learning.answers import Answers, Floats, class_logits
from abdominal_oncology.learning.calibration import apply_temperature
from abdominal_oncology.learning.config import Precision
from abdominal_oncology.learning.device import choose_device
from abdominal_oncology.learning.finding import Provenance
from abdominal_oncology.learning.runtime import EngineName, Finish, Model, OutOfMemory, Runtime
from abdominal_oncology.learning.runtime_choice import choose_cpu_runtime
from abdominal_oncology.learning.runtime_torch import TorchRuntime
from abdominal_oncology.learning.unfamiliar import distances
from abdominal_oncology.progress import Progress, silent


class Part(NamedTuple):
    """Samples whose answer is under way."""

    samples: NDArray[Any]
    finish: Finish
    is_exact: bool


_VALUES_PER_BATCH = {"cpu": 2_500_000, "mps": 10_000_000, "cuda": 40_000_000}
"""Input values in a batch: 16 slices of 3 × 224 × 224 on a CPU, where more brings nothing."""


class Predictor:
    """Answers for batches of samples. It belongs to one thread; what it loads stays until :meth:`release`.

    ``device`` auto takes CUDA, then MPS, then the CPU. ``engine`` auto takes ONNX Runtime on a CPU where it is
    installed and the model has an ONNX file (or one can be written into ``cache``), and torch otherwise.
    ``batch`` is how many samples are tried at once; memory that runs out halves it.
    """

    def __init__(
        self,
        model: Model,
        device: str = "auto",
        engine: EngineName = "auto",
        precision: Precision = "auto",
        *,
        cache: Path | None = None,
        batch: int | None = None,
    ) -> None:
        self.model = model
        self._engine, self._precision, self._cache = engine, precision, cache
        self._choice = choose_device("cpu" if engine == "onnx" and device == "auto" else device)
        if engine == "onnx" and self._choice.device.type != "cpu":
            raise InvalidInputError("engine onnx computes on the CPU only", remedy="use device cpu or engine torch")
        if batch is not None and batch < 1:
            raise InvalidInputError(f"a batch has at least one sample, not {batch}")
        self._batch_wanted = batch
        self._runtime: Runtime | None = None
        self._beside: nn.Module | None = None
        self._notes: list[str] = []
        self._device, self._device_reason, self._engine_reason = self._choice.device, self._choice.reason, ""
        self._batch: int = self._usual_batch()

    @property
    def device(self) -> torch.device:
        """Where it computes now; the CPU once a GPU's memory was too small."""
        return self._device

    @property
    def batch_size(self) -> int:
        """How many samples go at once now."""
        return self._batch

    @property
    def is_loaded(self) -> bool:
        return self._runtime is not None

    def warm_up(self) -> None:
        """Load the model and answer one empty sample, so that the first real answer pays for nothing."""
        self._part(np.zeros((1, *self.model.facts.input_shape), np.float32))

    def release(self) -> None:
        """Give the memory back. The next answer loads the model again and tries the first device anew."""
        if self._runtime is not None:
            self._runtime.close()
        self._runtime = self._beside = None
        self._notes.clear()
        self._set_device(self._choice.device, self._choice.reason)

    def network(self) -> nn.Module:
        """The network in torch, in evaluation, for those who look inside it.

        It is the one that answers where torch computes; beside ONNX Runtime it is loaded once and kept as well.
        """
        runtime = self._loaded()
        if isinstance(runtime, TorchRuntime):
            return runtime.network
        if self._beside is None:
            self._beside = self.model.network().eval().requires_grad_(False)
        return self._beside

    def provenance(self, **inputs: str) -> Provenance:
        """Who answered: the model, its device and why, its engine. Complete only once it is loaded."""
        facts = self.model.facts
        return Provenance(
            f"network {facts.network}",
            facts.name,
            facts.version,
            self.model.weights_sha256,
            facts.trained_on,
            str(self._device),
            self._device_reason,
            f"{self._runtime.name} ({self._engine_reason})" if self._runtime else "",
            f"AbdominalOncology {__version__}",
            settings={"model_sha256": self.model.sha256},
            inputs=inputs,
        )

    def run(
        self, inputs: NDArray[Any] | Iterable[NDArray[Any]], progress: Progress = silent, total: int | None = None
    ) -> Answers:
        """Answers to samples (n, C, [D,] H, W), given whole or piece by piece, in their order.

        ``total`` tells progress how many samples the pieces will have. Raising Cancelled from ``progress`` stops
        between two batches; the predictor can be used again.
        """
        pieces: Iterable[NDArray[Any]] = [inputs] if isinstance(inputs, np.ndarray) else inputs
        total = len(inputs) if isinstance(inputs, np.ndarray) and inputs.ndim else total
        if self._runtime is None:
            progress(0.0, "loading the model")
        logits: list[Floats] = []
        features: list[Floats] = []
        done = 0
        for some_logits, some_features in self._answers(self._batches(pieces)):
            logits.append(some_logits)
            features.append(some_features)
            done += len(some_logits)
            progress(
                min(1.0, done / total) if total else 0.0, f"{done} of {total} samples" if total else f"{done} samples"
            )
        if not done:
            raise InvalidInputError("there are no samples to answer", where=self.model.facts.name)
        all_logits, all_features = np.concatenate(logits), np.concatenate(features)
        facts = self.model.facts
        return Answers(
            all_logits,
            apply_temperature(all_logits.astype(np.float64), facts.temperature).astype(np.float32),
            all_features,
            None if facts.unfamiliar is None else distances(all_features, facts.unfamiliar),
            tuple(self._notes),
        )

    def _answers(self, batches: Iterable[NDArray[Any]]) -> Iterator[tuple[Floats, Floats]]:
        """One part is always under way while the next is made ready."""
        under_way: deque[Part] = deque()
        for batch in batches:
            under_way.extend(self._start(batch))
            while len(under_way) > 1:
                yield self._finish(under_way.popleft())
        while under_way:
            yield self._finish(under_way.popleft())

    def _part(self, batch: NDArray[Any]) -> tuple[Floats, Floats]:
        (only,) = self._answers([batch])
        return only

    def _batches(self, pieces: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """The pieces cut and joined to batches of today's size; it may shrink on the way."""
        waiting: list[NDArray[Any]] = []
        count = first = 0
        for piece in pieces:
            self._check_inputs(piece, first)
            first += len(piece)
            while len(piece):
                if waiting and waiting[0].dtype != piece.dtype:
                    yield np.concatenate(waiting)
                    waiting, count = [], 0
                taken, piece = np.split(piece, [max(1, self._batch - count)])
                waiting.append(taken)
                count += len(taken)
                if count >= self._batch:
                    yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
                    waiting, count = [], 0
        if waiting:
            yield np.concatenate(waiting)

    def _check_inputs(self, piece: NDArray[Any], first: int) -> None:
        facts = self.model.facts
        if piece.shape[1:] != tuple(facts.input_shape) or not piece.ndim:
            raise InvalidInputError(
                f"samples are {' × '.join(map(str, piece.shape[1:])) or 'no arrays'}, and this model takes "
                f"{' × '.join(map(str, facts.input_shape))} (channels first)",
                where=facts.name,
                remedy="prepare them as the model's bundle says",
            )
        if piece.dtype.kind != "f" and piece.dtype != np.uint8:
            raise InvalidInputError(f"samples must be uint8 or floats, not {piece.dtype}", where=facts.name)
        if piece.dtype.kind == "f":
            for index, sample in enumerate(piece):
                if not np.isfinite(sample).all():
                    raise InvalidInputError(
                        f"sample {first + index} holds values that are no numbers (NaN or infinity)",
                        where=facts.name,
                        remedy="look at the image it was made from",
                    )

    def _start(self, batch: NDArray[Any]) -> list[Part]:
        """Begin with all of a batch, in as many parts as memory allows."""
        todo = [batch]
        started: list[Part] = []
        while todo:
            part = todo.pop(0)
            if len(part) > self._batch:
                todo = [*(part[i : i + self._batch] for i in range(0, len(part), self._batch)), *todo]
                continue
            try:
                runtime = self._loaded()
                started.append(Part(part, runtime.start(part), runtime.is_exact))
                continue
            except OutOfMemory as full:
                reason = str(full).splitlines()[0][:120] if str(full) else "no memory"
            # outside of the handler: the error holds the frames, and these the tensors that fill the memory
            self._make_room(len(part), reason)
            todo.insert(0, part)
        return started

    def _make_room(self, count: int, reason: str) -> None:
        if count > 1:
            self._batch = max(1, min(self._batch, count) // 2)
            self._note(f"memory of {self._device} ran out with {count} samples at once; went on with {self._batch}")
        elif self._device.type != "cpu":
            failed = self._device
            if self._runtime is not None:
                self._runtime.close()
            self._runtime = None
            self._set_device(torch.device("cpu"), f"the memory of {failed} is too small for one sample")
            self._note(f"memory of {failed} ran out with a single sample; went on with the CPU")
        else:
            raise PredictionFailedError(
                f"the memory is too small for a single sample: {reason}",
                where=self.model.facts.name,
                remedy="close other programs, or use a machine with more memory",
            )

    def _finish(self, part: Part) -> tuple[Floats, Floats]:
        logits, features = part.finish()
        if not (part.is_exact or (np.isfinite(logits).all() and np.isfinite(features).all())):
            logits, features = self._again_exactly(part.samples)
        return self._checked(len(part.samples), logits, features)

    def _again_exactly(self, samples: NDArray[Any]) -> tuple[Floats, Floats]:
        """Half precision ends at 65,504; what overflowed is answered again in float32, and all that follows, too."""
        if self._runtime is not None and not self._runtime.is_exact:
            self._note("half precision overflowed; went on with float32")
            self._runtime.close()
            self._runtime = TorchRuntime(self.model.network(), self._device, "32")
        answers = [part.finish() for part in self._start(samples)]
        return np.concatenate([each[0] for each in answers]), np.concatenate([each[1] for each in answers])

    def _checked(self, count: int, logits: Floats, features: Floats) -> tuple[Floats, Floats]:
        facts = self.model.facts
        known = facts.unfamiliar
        if logits.shape == (count, 1):
            logits = class_logits(logits)
        if logits.shape != (count, len(facts.classes)) or len(features) != count or features.ndim != 2:
            raise PredictionFailedError(
                f"the network gives logits {logits.shape} and features {features.shape} for {count} samples and "
                f"{len(facts.classes)} classes",
                where=facts.name,
                remedy="the bundle's facts and its network do not belong together",
            )
        if known is not None and features.shape[1] != len(known.mean):
            raise PredictionFailedError(
                f"the network gives {features.shape[1]} features, and the statistics are of {len(known.mean)}",
                where=facts.name,
                remedy="the bundle's facts and its network do not belong together",
            )
        if not (np.isfinite(logits).all() and np.isfinite(features).all()):
            raise PredictionFailedError(
                "the network's answer is no number (NaN or infinity)",
                where=facts.name,
                remedy="check the bundle with abdominal-oncology bundle verify",
            )
        return logits, features

    def _loaded(self) -> Runtime:
        if self._runtime is None:
            if self._device.type == "cpu" and self._engine != "torch":
                self._runtime, self._engine_reason = choose_cpu_runtime(
                    self.model, self._engine, self._precision, self._cache
                )
            else:
                self._runtime = TorchRuntime(self.model.network(), self._device, self._precision)
                self._engine_reason = "asked for" if self._engine == "torch" else f"computes on {self._device.type}"
        return self._runtime

    def _set_device(self, device: torch.device, reason: str) -> None:
        self._device, self._device_reason, self._engine_reason = device, reason, ""
        self._batch = self._usual_batch()

    def _usual_batch(self) -> int:
        most = _VALUES_PER_BATCH.get(self._device.type, _VALUES_PER_BATCH["cpu"])
        return self._batch_wanted or min(256, max(1, most // math.prod(self.model.facts.input_shape)))

    def _note(self, note: str) -> None:
        if note not in self._notes:
            self._notes.append(note)
