"""Preparing what comes next while something else is at work on what is here."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from abdominal_oncology.errors import Cancelled, InvalidInputError
from abdominal_oncology.progress import Progress

Item = TypeVar("Item")
Made = TypeVar("Made")

AHEAD = 2
"""How many items are prepared, or being prepared, beside the one in use: whole CT volumes weigh much."""


class ReadAhead(Generic[Item, Made]):
    """Items in their order, each with what ``make`` made of it in one of ``readers`` threads.

    Leaving the with-block stops the threads: their progress raises Cancelled. ``wait`` is called while nothing is ready
    and may raise to stop. ``make`` must not raise; it returns its trouble.

    >>> with ReadAhead(lambda item, progress: item * item, [1, 2, 3], readers=2) as squares:
    ...     list(squares)
    [(1, 1), (2, 4), (3, 9)]
    """

    def __init__(
        self,
        make: Callable[[Item, Progress], Made],
        items: Sequence[Item],
        readers: int = 2,
        wait: Callable[[Item], None] | None = None,
    ) -> None:
        if readers < 1:
            raise InvalidInputError(f"there must be at least one reader, not {readers}")
        self._make, self._items, self._wait = make, items, wait
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(min(readers, AHEAD), thread_name_prefix="case-reader")

    def __enter__(self) -> ReadAhead[Item, Made]:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[Item, Made]]:
        under_way: deque[tuple[Item, Future[Made]]] = deque()
        for item in self._items:
            under_way.append((item, self._pool.submit(self._make, item, self._listen)))
            if len(under_way) > AHEAD:
                yield self._next(under_way)
        while under_way:
            yield self._next(under_way)

    def _next(self, under_way: deque[tuple[Item, Future[Made]]]) -> tuple[Item, Made]:
        item, future = under_way.popleft()
        while True:
            try:
                return item, future.result(timeout=0.2)
            except TimeoutError:
                if future.done():
                    raise
                if self._wait:
                    self._wait(item)

    def _listen(self, fraction: float, stage: str) -> None:
        if self._stopping.is_set():
            raise Cancelled("the batch was stopped")
