"""Predictors kept warm, so that the second click pays for no loading."""

from __future__ import annotations

from pathlib import Path

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.config import Precision
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.runtime import EngineName, Model


class PredictorPool:
    """At most ``keep`` predictors, by model, device and engine; the one asked for longest ago goes first.

    Whoever owns the pool closes it, or uses it in a with-block. It belongs to one thread, as its predictors do.
    """

    def __init__(self, cache: Path | None = None, keep: int = 4) -> None:
        if keep < 1:
            raise InvalidInputError(f"a pool keeps at least one predictor, not {keep}")
        self._cache, self._keep = cache, keep
        self._kept: dict[tuple[str, ...], Predictor] = {}

    def get(
        self, model: Model, device: str = "auto", engine: EngineName = "auto", precision: Precision = "auto"
    ) -> Predictor:
        """The predictor of this model, made now or kept from before."""
        key = (model.facts.name, model.sha256, device, engine, precision)
        predictor = self._kept.pop(key, None) or Predictor(model, device, engine, precision, cache=self._cache)
        self._kept[key] = predictor  # last in the order of use
        while len(self._kept) > self._keep:
            self._kept.pop(next(iter(self._kept))).release()
        return predictor

    def release_gpu(self) -> None:
        """Give all memory of GPUs back; to be called when nobody has asked for a while. Models load again on use."""
        for predictor in self._kept.values():
            if predictor.device.type != "cpu":
                predictor.release()

    def close(self) -> None:
        """Give everything back. The pool can still be used and starts empty."""
        for predictor in self._kept.values():
            predictor.release()
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)

    def __enter__(self) -> PredictorPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
