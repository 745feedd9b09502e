"""A SliceReader in the worker whose voxels are with the client: only the slices that are asked for ever cross."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import ImageWarning, Modality, Source
from abdominal_oncology.imaging.reader import slice_indices
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.worker.blocks import PIECE_BYTES, BlockReader
from abdominal_oncology.worker.exchange import Answer, Exchange
from abdominal_oncology.worker.failures import ProtocolError
from abdominal_oncology.worker.protocol import Here, ImageFacts, Need

_SLOTS = 2
"""While one piece is copied here, the client fills the next."""
_VALUE_BYTES = 4  # a guess until the first piece has come; what is wider makes the client's file grow


class Channel:
    """What all readers of one worker share: the files of the client and who may have which filled."""

    def __init__(self, blocks: BlockReader) -> None:
        self.blocks = blocks
        self.free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(_SLOTS):
            self.free.put(slot)


class RemoteReader:
    """May be read from several threads. ``slices_read`` counts what crossed."""

    def __init__(self, key: str, job: int, facts: ImageFacts, exchange: Exchange, channel: Channel) -> None:
        self._key, self._job, self._facts = key, job, facts
        self._exchange, self._channel = exchange, channel
        self._value_bytes = _VALUE_BYTES
        self.slices_read = 0

    @property
    def geometry(self) -> Geometry:
        return self._facts.geometry

    @property
    def modality(self) -> Modality:
        return self._facts.modality

    @property
    def source(self) -> Source:
        return self._facts.source

    @property
    def warnings(self) -> tuple[ImageWarning, ...]:
        return self._facts.warnings

    def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
        shape = self.geometry.shape
        wanted = [int(k) for k in slice_indices(slices, shape[0])]
        each = max(1, PIECE_BYTES // (self._value_bytes * prod(shape[1:])))
        pieces = deque(wanted[start : start + each] for start in range(0, len(wanted), each))
        result = _Result(len(wanted), shape[1:])
        under_way: deque[tuple[int, Future[Answer]]] = deque()
        try:
            while pieces or under_way:
                while pieces and (slot := self._slot(wait=not under_way)) is not None:
                    under_way.append((slot, self._ask(pieces.popleft(), slot)))
                slot, answer = under_way[0]
                here = cast("Here", answer.result())
                result.add(self._channel.blocks.view(here.file, here.value_type, here.shape))
                under_way.popleft()
                self._channel.free.put(slot)
                progress(result.filled / len(wanted), f"{result.filled} of {len(wanted)} slices")
        finally:
            for slot, _ in under_way:
                self._channel.free.put(slot)
        self.slices_read += len(wanted)
        values = result.values()
        self._value_bytes = values.itemsize
        return values

    def _slot(self, *, wait: bool) -> int | None:
        if not wait:
            try:
                return self._channel.free.get_nowait()
            except queue.Empty:
                return None
        while True:  # others hold them; when the job is stopped they let go
            self._exchange.check()
            try:
                return self._channel.free.get(timeout=0.1)
            except queue.Empty:
                continue

    def _ask(self, slices: Sequence[int], slot: int) -> Future[Answer]:
        try:
            return self._exchange.ask(lambda number: Need(number, self._job, self._key, tuple(slices), slot))
        except BaseException:
            self._channel.free.put(slot)
            raise


class _Result:
    """The array that is filled piece by piece. Its type is known with the first piece."""

    def __init__(self, count: int, plane: tuple[int, int]) -> None:
        self._shape = (count, *plane)
        self._values: NDArray[Any] | None = None
        self.filled = 0

    def add(self, piece: NDArray[Any]) -> None:
        stop = self.filled + len(piece)
        if piece.shape[1:] != self._shape[1:] or not self.filled < stop <= self._shape[0]:
            raise ProtocolError(f"slices of shape {piece.shape} do not fit into {self._shape}")
        if self._values is None:
            self._values = np.empty(self._shape, piece.dtype)
        together = np.result_type(self._values, piece)  # a reader may find fractions in some slices only
        if together != self._values.dtype:
            self._values = self._values.astype(together)
        self._values[self.filled : stop] = piece
        self.filled = stop

    def values(self) -> NDArray[Any]:
        if self._values is None:
            return np.empty(self._shape, np.int16)
        if self.filled != self._shape[0]:
            raise ProtocolError(f"{self._shape[0] - self.filled} slices are missing")
        return self._values
