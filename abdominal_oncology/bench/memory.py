"""How much memory a piece of work takes at its peak, beyond what the process held before."""

from __future__ import annotations

import threading

from abdominal_oncology.errors import MissingDependencyError


class PeakMemory:
    """Watches the memory of this process, and notes how much it grew and what it was at its peak."""

    def __init__(self, notes: list[str]) -> None:
        try:
            import psutil
        except ImportError as missing:
            raise MissingDependencyError("psutil is not installed", remedy="pip install psutil") from missing
        self._process, self._notes, self._stop = psutil.Process(), notes, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._before = self._most = self._now()

    def _now(self) -> int:
        return int(self._process.memory_info().rss)

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self._most = max(self._most, self._now())

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *problem: object) -> None:
        self._stop.set()
        self._thread.join()
        self._notes.insert(
            0, f"{self._most >> 20} MB at its peak, {(self._most - self._before) >> 20} MB more than before"
        )
