"""The one worker of this Slicer: all panels share it, it stays warm between them, and it ends with the application."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abdominal_oncology.worker.client import ClientState, WorkerClient
    from abdominal_oncology.worker.handle import Callbacks, JobHandle
    from abdominal_oncology.worker.jobs.request import JobRequest, JobResult
    from abdominal_oncology.worker.transport import Transport

_NAME = "AbdominalOncologySession"  # among slicer.modules, where Slicer keeps what belongs to modules


class PanelSession:
    """Sends jobs; keeps in mind what was wanted warm, also over a worker that was killed."""

    def __init__(self, transport: Transport) -> None:
        from abdominal_oncology.worker.client import WorkerClient

        self._transport = transport
        self._warm: set[tuple[str, str | None, str]] = set()
        self._wanted: tuple[str, str | None, str] | None = None
        self._on_warm: Callable[[], None] = _nothing
        self._device = ""
        self.client: WorkerClient = WorkerClient(transport, on_state=self._state_changed)

    @property
    def device_found(self) -> str:
        """The device that the model was loaded on last and why, as a sentence; "" as long as nobody knows."""
        return self._device

    @property
    def is_free(self) -> bool:
        """Whether a job would begin at once."""
        return bool(self.client.state == "idle")

    def submit(self, request: JobRequest, callbacks: Callbacks | None = None) -> JobHandle:
        """Put a job into the worker's queue."""
        return self.client.submit(request, callbacks)

    def warm(self, room: str, bundle: str | None, device: str, on_warm: Callable[[], None] | None = None) -> None:
        """Load what a click on Apply would need, unless it is there already; ``on_warm`` hears when it is."""
        wanted = (room, bundle, device)
        self._wanted, self._on_warm = wanted, on_warm or _nothing
        if wanted in self._warm:
            return
        from abdominal_oncology.worker.handle import Callbacks
        from abdominal_oncology.worker.jobs.warm import warm_request

        self.client.submit(warm_request(*wanted), Callbacks(done=self._is_warm))
        self._warm.add(wanted)

    def restart(self) -> None:
        """A fresh process at the next job: packages were installed, which a running Python does not see."""
        from abdominal_oncology.worker.client import WorkerClient

        self.client.close()
        self._warm.clear()
        self.client = WorkerClient(self._transport, on_state=self._state_changed)

    def close(self) -> None:
        """End the worker. Jobs that are not done fail with Cancelled."""
        self._wanted, self._on_warm = None, _nothing
        self.client.close()

    def _is_warm(self, result: JobResult) -> None:
        device, reason = str(result.facts.get("device") or ""), str(result.facts.get("device_reason") or "")
        self._device = f"{device}: {reason}" if device and reason else device
        self._on_warm()

    def _state_changed(self, state: ClientState) -> None:
        if state == "starting":  # a fresh process is cold
            self._warm.clear()
            self._transport.call_later(0.0, self._warm_again)

    def _warm_again(self) -> None:
        if self._wanted is not None:
            self.warm(*self._wanted, self._on_warm)


def _nothing() -> None:
    """For who does not want to hear."""


def worker_session() -> PanelSession:
    """The session of this application, made when it is asked for first."""
    import slicer

    known: Any = getattr(slicer.modules, _NAME, None)
    if known is None:
        from abdominal_oncology.panels.qprocess_transport import QProcessTransport
        from abdominal_oncology.worker.launch import worker_launch

        known = PanelSession(QProcessTransport(worker_launch(shutil.which("PythonSlicer") or "")))
        keep_session(known)
        slicer.app.connect("aboutToQuit()", close_session)
    session: PanelSession = known
    return session


def keep_session(session: PanelSession) -> None:
    """Let all panels use this session: a script or a test brings its own."""
    import slicer

    setattr(slicer.modules, _NAME, session)


def close_session() -> None:
    """End the worker, if there is one; the next question starts another."""
    import slicer

    known: PanelSession | None = getattr(slicer.modules, _NAME, None)
    if known is not None:
        delattr(slicer.modules, _NAME)
        known.close()
