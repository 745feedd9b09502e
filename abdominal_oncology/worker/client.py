"""The client: jobs in, findings out, one after another, by a worker process that it starts, watches and starts again.

It has no thread, no clock and no event loop of its own: all comes from its transport. Every callback is called in the
thread that the client lives in.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from functools import partial

from abdominal_oncology.errors import AbdominalOncologyError, Cancelled, InvalidInputError
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.worker import protocol
from abdominal_oncology.worker.exchange import cancelled
from abdominal_oncology.worker.failures import ProtocolError, WorkerError, WorkerStartError, crash, no_start
from abdominal_oncology.worker.handle import Callbacks, JobHandle, JobState
from abdominal_oncology.worker.jobs.request import JobRequest, JobResult
from abdominal_oncology.worker.lines import LineBuffer
from abdominal_oncology.worker.log import LogLine, parse
from abdominal_oncology.worker.protocol import (
    Cancel,
    Done,
    ErrorFacts,
    Failed,
    FromWorker,
    Hello,
    ImageFacts,
    Need,
    Part,
    Refused,
    Reported,
    Run,
    Taken,
    ToWorker,
    Welcome,
    encode,
)
from abdominal_oncology.worker.supply import Collected, Supply
from abdominal_oncology.worker.transport import PumpedTransport, Transport

CANCEL_SECONDS = 0.4
"""How long a job may take to stop before its process is killed; the user is told by half a second."""
_START_SECONDS = 60.0
_KEPT_LINES = 500
_PUMP_SECONDS = 0.05


class ClientState(StrEnum):
    """ENDING: the process was killed and is not yet gone."""

    STOPPED, STARTING, IDLE, BUSY, CANCELLING, ENDING = "stopped", "starting", "idle", "busy", "cancelling", "ending"


class WorkerClient:
    """Start is lazy: the first job starts the process. ``on_state`` hears of every change of state."""

    def __init__(
        self,
        transport: Transport,
        *,
        gpu_idle_seconds: float = 60.0,
        model_idle_seconds: float = 1800.0,
        on_state: Callable[[ClientState], None] = lambda state: None,
    ) -> None:
        self._transport, self._on_state = transport, on_state
        self._idle_seconds = gpu_idle_seconds, model_idle_seconds
        self._state = ClientState.STOPPED
        self._numbers = itertools.count(1)
        self._starts = self._latest = 0
        self._start_again = False
        self._queue: deque[tuple[JobHandle, bytes]] = deque()
        self._current: JobHandle | None = None
        self._collected = Collected()
        self._supply: Supply | None = None
        self._output, self._errors = LineBuffer(), LineBuffer()
        self._lines: deque[bytes] = deque()
        self._log: deque[LogLine] = deque(maxlen=_KEPT_LINES)
        self._words: deque[str] = deque(maxlen=_KEPT_LINES)
        self._closed = False

    @property
    def state(self) -> ClientState:
        return self._state

    @property
    def log(self) -> tuple[LogLine, ...]:
        """The last lines of the worker's log, those of former processes included."""
        return tuple(self._log)

    def submit(self, request: JobRequest, callbacks: Callbacks | None = None) -> JobHandle:
        """Put a job into the queue. What cannot be sent (settings that are no plain data) is raised here."""
        if self._closed:
            raise InvalidInputError("this worker was closed", remedy="make another client")
        job = JobHandle(next(self._numbers), request, callbacks or Callbacks(), self)
        images = {key: ImageFacts.of(reader) for key, reader in request.images.items()}
        self._queue.append((job, encode(Run(job.number, request.name, request.settings, images))))
        self._next()
        return job

    def wait(self, job: JobHandle) -> JobResult:
        """The result of a job, or its error raised. For scripts; in Slicer there are callbacks and an event loop."""
        if not isinstance(self._transport, PumpedTransport):
            raise InvalidInputError("this transport has an event loop", remedy="use callbacks instead of waiting")
        while not job.is_over:
            self._transport.pump(_PUMP_SECONDS)
        return job.outcome()

    def run(self, request: JobRequest, progress: Progress = silent) -> JobResult:
        """Submit and wait. Ctrl-C, or Cancelled raised by ``progress``, stops the job."""
        job = self.submit(request, Callbacks(progress))
        try:
            return self.wait(job)
        except KeyboardInterrupt:
            job.cancel()
            raise

    def cancel(self, job: JobHandle) -> None:
        """See :meth:`JobHandle.cancel`."""
        waiting = next((entry for entry in self._queue if entry[0] is job), None)
        if waiting is not None:
            self._queue.remove(waiting)
            self._fail(job, cancelled())
        elif job is self._current and job.state is JobState.RUNNING:
            job.state = JobState.CANCELLING
            self._become(ClientState.CANCELLING)
            self._send(Cancel(job.number))
            self._transport.call_later(CANCEL_SECONDS, partial(self._overdue, job))

    def close(self) -> None:
        """End the process; jobs that are not done fail with Cancelled."""
        if self._closed:
            return
        self._closed = True
        self._transport.close()
        self._drop_supply()
        self._become(ClientState.STOPPED)
        self._fail_all(Cancelled("the worker was closed"))

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # what the transport calls

    def received(self, data: bytes) -> None:
        self._lines.extend(self._output.feed(data))
        try:
            while self._lines:
                self._heed(self._lines.popleft())
        finally:
            if self._lines:  # a fault in somebody's callback must not lose what came with it
                self.received(b"")

    def logged(self, data: bytes) -> None:
        for line in self._errors.feed(data):
            self._tell(parse(line))

    def ended(self, code: int, crashed: bool) -> None:
        if self._closed:
            return
        rest, state = self._errors.rest(), self._state
        if rest:
            self._tell(parse(rest))
        self._drop_supply()
        self._become(ClientState.STOPPED)
        log = tuple(self._words)
        try:
            if state is ClientState.STARTING:
                self._fail_all(no_start(log))
            elif state is ClientState.ENDING and self._start_again:
                self._start()
            elif self._current is not None:
                wanted = state is ClientState.CANCELLING
                self._fail(self._current, cancelled() if wanted else crash(code, crashed, log))
        finally:
            self._next()

    def not_started(self, problem: str) -> None:
        self._drop_supply()
        self._become(ClientState.STOPPED)
        self._fail_all(WorkerStartError(f"the worker could not be started: {problem}", remedy="check the installation"))

    # inside

    def _heed(self, line: bytes) -> None:
        if self._state in (ClientState.STOPPED, ClientState.ENDING):
            return
        if not protocol.is_message(line):
            self._tell(parse(line))
            return
        try:
            self._understand(line)
        except WorkerError as wrong:  # of another version, or gone mad: there is no use in going on
            self._give_up(wrong)

    def _next(self) -> None:
        if self._queue and self._state is ClientState.STOPPED and not self._closed:
            self._start()
        elif self._queue and self._state is ClientState.IDLE:
            job, line = self._queue.popleft()
            self._current, self._collected, self._latest = job, Collected(), job.number
            job.state = JobState.RUNNING
            self._become(ClientState.BUSY)
            self._transport.write(line)

    def _start(self) -> None:
        try:
            self._supply = Supply()
        except WorkerError as problem:
            self._fail_all(problem)
            return
        self._output, self._errors = LineBuffer(), LineBuffer()
        self._lines.clear()
        self._words.clear()  # an error tells the log of its own process
        self._starts += 1
        self._start_again = False
        self._become(ClientState.STARTING)
        self._transport.start(self)
        self._transport.call_later(_START_SECONDS, partial(self._not_in_time, self._starts))

    def _understand(self, line: bytes) -> None:
        if self._state is ClientState.STARTING:
            protocol.check_greeting(line)
            assert self._supply is not None
            self._send(Hello(self._supply.folder, *self._idle_seconds))
            self._become(ClientState.IDLE)
            self._next()
            return
        message = protocol.decode_from_worker(line)
        job = self._current
        if isinstance(message, Welcome) or job is None or message.job != job.number:
            self._answer_stranger(message)
        elif isinstance(message, Reported):
            self._report(job, message)
        elif isinstance(message, Need):
            self._hand_over(job, message)
        elif isinstance(message, Part):
            assert self._supply is not None
            self._collected.add(message, self._supply.view(message))
            self._send(Taken(message.request))
        elif isinstance(message, Done) and job.state is not JobState.CANCELLING:
            self._done(job, self._collected.result(message))
        else:
            self._over(job, message.error.error() if isinstance(message, Failed) else cancelled())

    def _answer_stranger(self, message: FromWorker) -> None:
        """A thread of a job that is over may still be speaking; nobody else may."""
        if not isinstance(message, Reported | Need | Part) or message.job > self._latest:
            raise ProtocolError(f"nobody asked for {type(message).__name__}")
        if not isinstance(message, Reported):
            self._send(Refused(message.request, ErrorFacts.of(cancelled())))

    def _report(self, job: JobHandle, message: Reported) -> None:
        if job.state is JobState.RUNNING:
            try:
                job.callbacks.progress(message.fraction, message.stage)
            except Cancelled:
                self.cancel(job)

    def _hand_over(self, job: JobHandle, need: Need) -> None:
        answer: ToWorker = Refused(need.request, ErrorFacts.of(cancelled()))
        try:
            if job.state is JobState.RUNNING:
                answer = Refused(need.request, ErrorFacts("AbdominalOncologyError", "the image cannot be read", "", ""))
                assert self._supply is not None
                answer = self._supply.hand_over(need, job.request.images)
        finally:  # also when the reader has a fault: a worker that waits for ever would be worse
            self._send(answer)

    def _done(self, job: JobHandle, result: JobResult) -> None:
        self._current = None
        job.state, job.result = JobState.DONE, result
        self._become(ClientState.IDLE)
        try:
            job.callbacks.done(result)
        finally:
            self._next()

    def _over(self, job: JobHandle, error: AbdominalOncologyError) -> None:
        """A job that failed; its worker is well."""
        self._current = None
        self._become(ClientState.IDLE)
        try:
            self._fail(job, cancelled() if job.state is JobState.CANCELLING else error)
        finally:
            self._next()

    def _fail(self, job: JobHandle, error: AbdominalOncologyError) -> None:
        if job is self._current:
            self._current = None
        job.state, job.error = JobState.FAILED, error
        job.callbacks.failed(error)

    def _fail_all(self, error: AbdominalOncologyError) -> None:
        jobs = [*([self._current] if self._current else []), *(job for job, _ in self._queue)]
        self._queue.clear()
        for job in jobs:
            self._fail(job, error)

    def _overdue(self, job: JobHandle) -> None:
        """A cancelled job that still runs is not asked again."""
        if job is self._current and self._state is ClientState.CANCELLING:
            self._become(ClientState.ENDING)
            self._start_again = True  # by the next click it is there
            self._transport.kill()
            self._fail(job, cancelled())

    def _not_in_time(self, start: int) -> None:
        if start == self._starts and self._state is ClientState.STARTING:
            self._give_up(WorkerStartError(f"the worker said nothing for {_START_SECONDS:g} s", remedy="try again"))

    def _give_up(self, error: WorkerError) -> None:
        self._become(ClientState.ENDING)
        self._transport.kill()
        error.log = tuple(self._words)
        self._fail_all(error)

    def _send(self, message: ToWorker) -> None:
        self._transport.write(encode(message))

    def _tell(self, line: LogLine) -> None:
        self._log.append(line)
        self._words.append(line.text)
        if self._current is not None:
            self._current.callbacks.log(line)

    def _drop_supply(self) -> None:
        if self._supply is not None:
            self._supply.close()
            self._supply = None

    def _become(self, state: ClientState) -> None:
        if state is not self._state:
            self._state = state
            self._on_state(state)
