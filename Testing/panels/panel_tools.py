"""Panels with a worker behind them: a real process, or one that answers in the same process."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from slicer_desktop.waiting import wait_until

from abdominal_oncology.worker.in_process import InProcess
from abdominal_oncology.worker.jobs import find_job
from abdominal_oncology.worker.jobs.request import JobResult, Work
from abdominal_oncology.worker.transport import Listener

PANELS = ("PhaseClassifier", "LiverHCC", "RectalStaging")


class PumpedInProcess(InProcess):
    """A worker in this process, kept going by a timer of the window."""

    def __init__(self, find: Callable[[str], Work] = find_job) -> None:
        from PySide6.QtCore import QTimer

        super().__init__(find)
        self._timer = QTimer()
        self._timer.timeout.connect(lambda: self.pump(0.0))

    def start(self, listener: Listener) -> None:
        super().start(listener)
        self._timer.start(1)

    def close(self) -> None:
        self._timer.stop()
        super().close()


def find_quick(name: str) -> Work:
    """All jobs, but ``warm`` has nothing to warm."""
    return (lambda request, context: JobResult()) if name == "warm" else find_job(name)


@contextmanager
def quick_session() -> Iterator[Any]:
    """A worker in this process for all panels; it loads no model before it is asked to."""
    from abdominal_oncology.panels.session import PanelSession, close_session, keep_session

    session = PanelSession(PumpedInProcess(find_quick))
    keep_session(session)
    try:
        yield session
    finally:
        close_session()


def imported_by(modules: Sequence[str], among: Sequence[str]) -> str:
    """Which of ``among`` a fresh Python imports together with modules of ours, as a list in text; it must start."""
    program = f"import sys, {', '.join(f'abdominal_oncology.{each}' for each in modules)}\n"
    program += f"print(sorted(set({list(among)!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def assert_window_never_waits(panel: Any, button: Any, seconds: float = 0.1) -> None:
    """No turn of the event loop takes ``seconds`` of processor time in a run: the best of three runs counts."""
    slow: list[str] = []
    while len(slow) < 3:
        assert button.enabled
        turns = Turns()
        click_and_wait(panel, button)
        if turns.stop() < seconds:
            return
        slow.append(turns.report())
    raise AssertionError("\n\n".join(slow))


def click_and_wait(panel: Any, button: Any, seconds: float = 240.0) -> None:
    """Click what starts a run and wait until it is over."""
    button.click()
    wait_until(lambda: not panel.is_running, timeout_seconds=seconds)


def apply_and_wait(panel: Any, seconds: float = 240.0) -> None:
    assert panel.run_box.ui.applyButton.enabled, panel.run_box.ui.whyLabel.text
    click_and_wait(panel, panel.run_box.ui.applyButton, seconds)


class Turns:
    """Processor time of this thread in the longest turn of the event loop: a loaded machine takes longer, not more.

    A second thread looks where the first one is, so that a slow turn can be explained where it cannot be repeated.
    """

    def __init__(self) -> None:
        from PySide6.QtCore import QTimer

        self.longest_seconds = 0.0
        self._system_seconds = 0.0
        self._seen: list[str] = []
        self._seen_in_longest: list[str] = []
        self._last, self._last_system = time.thread_time(), _system_seconds()
        self._timer = QTimer()
        self._timer.timeout.connect(self._turn)
        self._timer.start(1)
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, args=(threading.get_ident(),), daemon=True)
        self._watcher.start()

    def stop(self) -> float:
        self._turn()
        self._timer.stop()
        self._over.set()
        self._watcher.join()
        return self.longest_seconds

    def report(self) -> str:
        """How long the longest turn was, how much of it was the system's, and where the thread was seen in it."""
        head = (
            f"{self.longest_seconds:.3f} s of the processor, {self._system_seconds:.3f} s of it the system's; seen at"
        )
        return "\n".join([head, *self._seen_in_longest])

    def _turn(self) -> None:
        now, system = time.thread_time(), _system_seconds()
        if now - self._last > self.longest_seconds:
            self.longest_seconds, self._system_seconds = now - self._last, system - self._last_system
            self._seen_in_longest = self._seen[-3:]
        self._seen.clear()
        self._last, self._last_system = now, system

    def _watch(self, thread: int) -> None:
        while not self._over.wait(0.05):
            frame = sys._current_frames().get(thread)
            self._seen.append("".join(traceback.format_stack(frame, limit=8)))


def _system_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_stime
