"""Events happen while a test waits; how long the window stood still is measured; processes speak."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

ECHO = "import sys\nfor line in sys.stdin:\n    print('heard ' + line.strip(), flush=True)\n"


def test_waiting_ends_with_its_condition(qt: Any) -> None:
    from slicer_desktop.waiting import wait_until

    done: list[int] = []
    qt.QTimer.singleShot(30, lambda: done.append(1))
    wait_until(lambda: done, 5)
    with pytest.raises(AssertionError, match=r"still not so after 0\.05 s"):
        wait_until(lambda: False, 0.05)


def test_a_blocked_window_is_measured(qt: Any) -> None:
    from slicer_desktop.waiting import Heartbeat, run_events

    with Heartbeat() as blocked:
        run_events(0.05)
        time.sleep(0.4)
        run_events(0.02)
    assert blocked.longest_pause_seconds > 0.35
    with Heartbeat() as busy:
        qt.QTimer.singleShot(20, lambda: time.sleep(0.3))
        run_events(0.4)
    assert busy.longest_pause_seconds > 0.28
    assert busy.beats > 3


def test_a_process_is_spoken_to(qt: Any) -> None:
    from slicer_desktop.waiting import wait_until

    process, heard, ended = qt.QProcess(), [], []
    process.connect("readyReadStandardOutput()", lambda: heard.append(process.readAllStandardOutput().data().decode()))
    process.connect("finished(int,QProcess::ExitStatus)", lambda code, status: ended.append((code, int(status))))
    process.start(sys.executable, ["-c", ECHO])
    wait_until(lambda: process.state() == qt.QProcess.Running)
    for word in ("one", "two"):
        process.write(f"{word}\n".encode())
        wait_until(lambda word=word: f"heard {word}" in "".join(heard))
    process.closeWriteChannel()
    wait_until(lambda: ended)
    assert ended == [(0, int(qt.QProcess.NormalExit))]


def test_a_killed_process_says_so(qt: Any) -> None:
    from slicer_desktop.waiting import wait_until

    process, errors = qt.QProcess(), []
    process.connect("errorOccurred(QProcess::ProcessError)", lambda error: errors.append(int(error)))
    process.start("/no/such/program", [])
    wait_until(lambda: errors)
    assert errors == [int(qt.QProcess.FailedToStart)]
    process.start(sys.executable, ["-c", "import time; time.sleep(60)"])
    wait_until(lambda: process.state() == qt.QProcess.Running)
    process.kill()
    wait_until(lambda: process.state() == qt.QProcess.NotRunning)
    assert errors[-1] == int(qt.QProcess.Crashed)


def test_slicers_own_process_helper_runs_on_it(slicer: Any) -> None:
    from slicer_desktop.waiting import wait_until

    lines: list[str] = []
    codes: list[int] = []
    slicer.util.launchConsoleProcess(
        [sys.executable, "-c", "print('hello')"],
        useStartupEnvironment=False,
        blocking=False,
        logCallback=lines.append,
        completedCallback=codes.append,
    )
    wait_until(lambda: codes)
    assert (lines, codes) == (["hello"], [0])


def test_packages_are_asked_for_and_never_installed(slicer: Any, qt: Any, desktop: Any) -> None:
    packaging = slicer.packaging
    assert packaging.pip_check("numpy>=1.26")
    assert not packaging.pip_check(["numpy>=1.26", "no-such-package-of-ours"])
    desktop.packaging.missing = {"monai"}
    assert not packaging.pip_check("monai>=1.5")
    packaging.pip_ensure("monai>=1.5", requester="LiverHCC")  # while testing nothing is installed
    assert desktop.packaging.installed == []
    desktop.testing(False)
    desktop.desk.lay(qt.QMessageBox.Cancel)
    with pytest.raises(RuntimeError, match="declined"):
        packaging.pip_ensure(["monai>=1.5"], requester="LiverHCC")
    desktop.desk.lay(qt.QMessageBox.Ok)
    packaging.pip_ensure(["monai>=1.5"], requester="LiverHCC", skip_packages=["torch", "numpy"])
    assert desktop.packaging.installed == ["monai>=1.5"]
    assert packaging.pip_check("monai>=1.5")

    def offline(wanted: Any) -> None:
        raise subprocess.CalledProcessError(1, ["pip", "install", *wanted])

    desktop.packaging.installing = offline
    with pytest.raises(subprocess.CalledProcessError):
        packaging.pip_install("monai")


def test_texts_pass_through_qts_translation(slicer: Any, qt: Any) -> None:
    from slicer.i18n import tr, translate

    class German(qt.QTranslator):
        def translate(self, context: str, text: str, *more: Any) -> str | None:
            return {("Panel", "Run"): "Los", ("test_desktop_waiting", "Stop"): "Halt"}.get((context, text))

    german = German()
    qt.QCoreApplication.installTranslator(german)
    try:
        assert (translate("Panel", "Run"), tr("Stop"), tr("Run")) == ("Los", "Halt", "Run")
    finally:
        qt.QCoreApplication.removeTranslator(german)
    with pytest.raises(TypeError):
        tr("Run", "Panel")
