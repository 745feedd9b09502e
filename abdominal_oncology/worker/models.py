"""The worker's models: found by name, kept warm, given back when nobody has asked for a while."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from abdominal_oncology.errors import MissingDependencyError, MissingInputError
from abdominal_oncology.files import Stamps, stamps
from abdominal_oncology.learning.bundle import NO_BUNDLE
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.worker.log import LOGGER

if TYPE_CHECKING:
    from abdominal_oncology.learning.bundle.load import Bundle
    from abdominal_oncology.learning.predictor import Predictor
    from abdominal_oncology.learning.predictor_pool import PredictorPool


class Models:
    """Predictors by task, bundle and device. torch is imported for the first of them."""

    def __init__(self) -> None:
        self._pool: PredictorPool | None = None
        self._found: dict[tuple[str | None, ...], tuple[Stamps, Bundle]] = {}

    def predictor(
        self,
        task: str,
        bundle: str | Path | None,
        order: Sequence[str],
        device: str = "auto",
        without: str = "there is no answer of a network",
    ) -> tuple[Predictor | None, tuple[FindingWarning, ...]]:
        """The predictor of a bundle, warm from the second time on, and why there is none.

        A bundle that is named must be there. Without a name the first of ``order`` that is installed is taken, or none:
        most questions have an answer without a network, and ``without`` is what the warning says of that.
        """
        if bundle == NO_BUNDLE:
            return None, ()
        if find_spec("torch") is None:
            if bundle is not None:
                raise MissingDependencyError(
                    "a network needs PyTorch", where=str(bundle), remedy="install the package torch, or name no bundle"
                )
            return None, (_no_network(without, "PyTorch is not installed"),)
        try:
            model = self._bundle(task, bundle, order)
        except MissingInputError as nothing:
            if bundle is not None:
                raise
            return None, (_no_network(without, nothing.problem),)
        pool = self._warm_pool()
        import_module(f"abdominal_oncology.{task}.networks")  # a bundle names its network; importing registers them
        return pool.get(model, device), ()

    def release_gpu(self) -> None:
        """Memory of GPUs is given back; a model comes back to it in a moment."""
        if self._pool is not None:
            self._pool.release_gpu()

    def close(self) -> None:
        """All models are given back."""
        if self._pool is not None:
            self._pool.close()

    def __len__(self) -> int:
        return 0 if self._pool is None else len(self._pool)

    def _warm_pool(self) -> PredictorPool:
        if self._pool is None:
            started = time.perf_counter()
            from abdominal_oncology.learning.bundle.store import installed_store
            from abdominal_oncology.learning.predictor_pool import PredictorPool

            self._pool = PredictorPool(installed_store().onnx_cache)
            LOGGER.info("PyTorch is there after %.1f s", time.perf_counter() - started)
        return self._pool

    def _bundle(self, task: str, bundle: str | Path | None, order: Sequence[str]) -> Bundle:
        """Looked for and checked again only where a file has changed: reading what all bundles say of themselves takes
        a tenth of a second, which every click would pay."""
        from abdominal_oncology.learning.bundle.store import installed_store

        store = installed_store()
        named = () if bundle is None else stamps(Path(bundle))  # it may be a path, to a place outside of the store
        asked, now = (task, None if bundle is None else str(bundle), *order), (*store.stamps(), *named)
        known = self._found.get(asked)
        if known is None or known[0] != now:
            found = store.default(task, order) if bundle is None else store.find(bundle, task=task)
            known = self._found[asked] = now, found
        return known[1]


def _no_network(without: str, why: str) -> FindingWarning:
    return FindingWarning("no-network", f"{without}: {why}")
