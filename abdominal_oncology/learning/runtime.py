"""What computes a network's answers: the words that torch and ONNX Runtime share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from abdominal_oncology.learning.answers import Floats
from abdominal_oncology.learning.bundle.facts import BundleFacts

EngineName = Literal["auto", "torch", "onnx"]

Finish = Callable[[], tuple[Floats, Floats]]
"""Waits for a batch that was started and gives its logits (n, K) and features (n, d)."""


class Model(Protocol):
    """A trained model as prediction sees it; a bundle is one. ``network`` gives a fresh module that the caller owns.

    ``sha256`` is of all that changes an answer, ``weights_sha256`` of the weights alone.
    """

    @property
    def facts(self) -> BundleFacts: ...

    @property
    def sha256(self) -> str: ...

    @property
    def weights_sha256(self) -> str: ...

    @property
    def onnx_path(self) -> Path | None: ...

    def network(self) -> nn.Module: ...


class Runtime(Protocol):
    """A loaded model. ``start`` may return before the answer is there; the next batch is then copied meanwhile."""

    @property
    def name(self) -> str: ...

    @property
    def is_exact(self) -> bool:
        """Whether it computes in float32."""
        ...

    def start(self, batch: NDArray[Any]) -> Finish:
        """Begin with a batch (n, C, …) of uint8 or floats; raises :class:`OutOfMemory`."""
        ...

    def close(self) -> None:
        """Give its memory back."""
        ...


class OutOfMemory(Exception):
    """A batch did not fit; between runtime and predictor only, nobody else meets it."""


_MEMORY_PHRASES = (
    "out of memory",
    "can't allocate",
    "cannot allocate",
    "failed to allocate",
    "bad allocation",
    "bad_alloc",
    "alloc_failed",
)


@contextmanager
def telling_out_of_memory(*kinds: type[Exception]) -> Iterator[None]:
    """Errors of these kinds, or MemoryError, that speak of memory become :class:`OutOfMemory`; others pass.

    >>> with telling_out_of_memory(RuntimeError):
    ...     raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
    Traceback (most recent call last):
        ...
    abdominal_oncology.learning.runtime.OutOfMemory: DefaultCPUAllocator: can't allocate memory
    """
    caught: tuple[type[Exception], ...] = (MemoryError, *kinds)
    try:
        yield
    except caught as error:
        text = str(error)
        if isinstance(error, MemoryError) or any(phrase in text.lower() for phrase in _MEMORY_PHRASES):
            raise OutOfMemory(text) from None
        raise


def as_floats(batch: NDArray[Any]) -> Floats:
    """What the network is to see, as float32: uint8 means 0 … 1 in steps of 1/255.

    >>> as_floats(np.array([0, 51, 255], np.uint8)).tolist()
    [0.0, 0.20000000298023224, 1.0]
    """
    if batch.dtype == np.uint8:
        shares: Floats = np.divide(batch, np.float32(255), dtype=np.float32)
        return shares
    return np.ascontiguousarray(batch, dtype=np.float32)
