"""The client as a state machine, its transport a double that does nothing by itself: what is said when, and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from worker_tools import folders, ramp

from abdominal_oncology import __version__
from abdominal_oncology.errors import AbdominalOncologyError, Cancelled, InvalidInputError, MissingInputError
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.worker.client import CANCEL_SECONDS, ClientState, WorkerClient
from abdominal_oncology.worker.failures import (
    ProtocolError,
    WorkerCrashedError,
    WorkerStartError,
    WorkerVersionError,
)
from abdominal_oncology.worker.handle import Callbacks, JobHandle, JobState
from abdominal_oncology.worker.jobs.request import JobRequest, JobResult
from abdominal_oncology.worker.protocol import (
    PROTOCOL,
    Cancel,
    Done,
    ErrorFacts,
    Failed,
    FromWorker,
    Hello,
    Here,
    ImageFacts,
    Need,
    Part,
    Refused,
    Reported,
    Run,
    ToWorker,
    Welcome,
    decode_to_worker,
    encode,
)
from abdominal_oncology.worker.transport import Listener


class Still:
    """A transport that keeps what it is told. It has an event loop as little as it has a pump."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.said: list[ToWorker] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.listener: Listener | None = None

    def start(self, listener: Listener) -> None:
        self.listener = listener
        self.told.append("start")

    def write(self, data: bytes) -> None:
        self.said.append(decode_to_worker(data))

    def kill(self) -> None:
        self.told.append("kill")

    def close(self) -> None:
        self.told.append("close")

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self.timers.append((seconds, call))

    def hear(self, *messages: FromWorker) -> None:
        assert self.listener is not None
        self.listener.received(b"".join(encode(message) for message in messages))

    def welcome(self) -> None:
        self.hear(Welcome(PROTOCOL, __version__, 1))

    def fire(self, seconds: float) -> None:
        """The timers of this length."""
        due = [call for length, call in self.timers if length == seconds]
        self.timers = [each for each in self.timers if each[0] != seconds]
        for call in due:
            call()

    def runs(self) -> list[int]:
        return [message.job for message in self.said if isinstance(message, Run)]


class Ear:
    """Every callback of one job."""

    def __init__(self) -> None:
        self.progress: list[tuple[float, str]] = []
        self.done: list[JobResult] = []
        self.failed: list[AbdominalOncologyError] = []
        self.log: list[str] = []

    def callbacks(self, **changes: Any) -> Callbacks:
        mine = {
            "progress": lambda fraction, stage: self.progress.append((fraction, stage)),
            "done": self.done.append,
            "failed": self.failed.append,
            "log": lambda line: self.log.append(line.text),
        }
        return Callbacks(**{**mine, **changes})

    @property
    def error(self) -> AbdominalOncologyError:
        assert not self.done
        (only,) = self.failed
        return only


@pytest.fixture
def still() -> Still:
    return Still()


@pytest.fixture
def states() -> list[ClientState]:
    return []


@pytest.fixture
def client(still: Still, states: list[ClientState]) -> WorkerClient:
    return WorkerClient(still, on_state=states.append)


@pytest.fixture
def ear() -> Ear:
    return Ear()


def running(client: WorkerClient, still: Still, ear: Ear, **changes: Any) -> JobHandle:
    job = client.submit(JobRequest("x", {}, {"i": ArrayReader(ramp(3))}), ear.callbacks(**changes))
    still.welcome()
    assert job.state is JobState.RUNNING
    return job


def done(job: int) -> Done:
    return Done(job, (), {}, {"answer": 42})


def test_a_job_from_its_start_to_its_end(
    client: WorkerClient, still: Still, states: list[ClientState], ear: Ear
) -> None:
    assert still.told == [], "nothing is started before it is needed"
    job = client.submit(JobRequest("x", {"a": (1, 2)}, {"i": ArrayReader(ramp(3))}), ear.callbacks())
    assert (still.told, still.said, job.state) == (["start"], [], JobState.QUEUED)
    still.welcome()
    hello, run = still.said
    assert isinstance(hello, Hello)
    assert run == Run(1, "x", {"a": [1, 2]}, {"i": ImageFacts.of(ramp(3))})
    still.hear(Reported(1, 0.5, "half"), Need(7, 1, "i", (2, 0), 1), done(1))
    assert ear.progress == [(0.5, "half")]
    assert [result.facts for result in ear.done] == [{"answer": 42}]
    assert not ear.failed
    assert (job.state, job.result, job.error) == (JobState.DONE, ear.done[0], None)
    assert states == [ClientState.STARTING, ClientState.IDLE, ClientState.BUSY, ClientState.IDLE]
    client.close()
    assert states[-1] is ClientState.STOPPED


def test_jobs_wait_for_each_other_also_when_one_fails(client: WorkerClient, still: Still, ear: Ear) -> None:
    jobs = [client.submit(JobRequest("x"), ear.callbacks()) for _ in range(3)]
    still.welcome()
    assert still.runs() == [1]
    still.hear(Failed(1, ErrorFacts("MissingInputError", "nothing there", "a", "b")))
    assert still.runs() == [1, 2]
    assert isinstance(jobs[0].error, MissingInputError)
    still.hear(done(2), done(3))
    assert [job.state for job in jobs] == [JobState.FAILED, JobState.DONE, JobState.DONE]
    assert still.told == ["start"]
    client.close()


def test_who_is_done_may_ask_again_at_once(client: WorkerClient, still: Still, ear: Ear) -> None:
    job = running(client, still, ear, done=lambda result: client.submit(JobRequest("y")))
    still.hear(done(job.number))
    assert still.runs() == [1, 2]
    client.close()


def test_a_callback_with_a_fault_stops_nobody_else(client: WorkerClient, still: Still, ear: Ear) -> None:
    def faulty(result: JobResult) -> None:
        raise KeyError("a fault of the panel")

    job = running(client, still, ear, done=faulty)
    other = client.submit(JobRequest("y"))
    with pytest.raises(KeyError):
        still.hear(done(job.number))
    assert job.state is JobState.DONE
    assert other.state is JobState.RUNNING
    client.close()


def test_a_callback_with_a_fault_loses_no_message(client: WorkerClient, still: Still, ear: Ear) -> None:
    def faulty(fraction: float, stage: str) -> None:
        raise KeyError(stage)

    job = running(client, still, ear, progress=faulty)
    with pytest.raises(KeyError):
        still.hear(Reported(1, 0.1, "one"), Reported(1, 0.2, "two"), Need(5, 1, "i", (0,), 0), done(1))
    assert any(isinstance(message, Here) and message.request == 5 for message in still.said)
    assert job.state is JobState.DONE
    client.close()


def test_threads_of_a_former_job_are_answered(client: WorkerClient, still: Still, ear: Ear) -> None:
    job = running(client, still, ear)
    still.hear(Failed(job.number, ErrorFacts("Cancelled", "stopped", "", "")))
    other = client.submit(JobRequest("y"))
    still.hear(Reported(1, 0.5, "late"), Need(8, 1, "i", (0,), 0), Part(9, 1, "a", "<f4", (1,), 0, 1, "result-0-1"))
    refused = [message.request for message in still.said if isinstance(message, Refused)]
    assert refused == [8, 9]
    assert ear.progress == []
    assert other.state is JobState.RUNNING
    client.close()


def test_a_callback_may_let_the_window_work(client: WorkerClient, still: Still, ear: Ear) -> None:
    """A dialogue in a callback hears what comes meanwhile; the order stays."""
    order: list[str] = []

    def dialogue(fraction: float, stage: str) -> None:
        order.append(stage)
        if stage == "one":
            still.hear(Reported(1, 0.3, "three"))

    running(client, still, ear, progress=dialogue)
    still.hear(Reported(1, 0.1, "one"), Reported(1, 0.2, "two"))
    assert order == ["one", "two", "three"]
    client.close()


def test_what_cannot_be_sent_is_told_at_once(client: WorkerClient, still: Still) -> None:
    with pytest.raises(InvalidInputError, match="cannot hold a set"):
        client.submit(JobRequest("x", {"a": {1}}))
    assert still.told == []
    client.close()


def test_a_stopped_job_hears_nothing_more(client: WorkerClient, still: Still, ear: Ear) -> None:
    job = running(client, still, ear)
    job.cancel()
    job.cancel()
    assert still.said[-1] == Cancel(1)
    assert [message for message in still.said if isinstance(message, Cancel)] == [Cancel(1)]
    assert client.state is ClientState.CANCELLING
    still.hear(Reported(1, 0.7, "still at it"), Need(3, 1, "i", (0,), 0))
    assert ear.progress == []
    refused = still.said[-1]
    assert isinstance(refused, Refused)
    assert refused.error.type == "Cancelled"
    still.hear(done(1))
    assert isinstance(ear.error, Cancelled), "an answer that comes all the same is not wanted"
    assert client.state is ClientState.IDLE
    still.fire(CANCEL_SECONDS)
    assert still.told == ["start"], "the timer of a job that is over kills nobody"
    client.close()


def test_a_job_that_does_not_stop_is_killed(client: WorkerClient, still: Still, ear: Ear) -> None:
    job = running(client, still, ear)
    waiting = client.submit(JobRequest("y"))
    job.cancel()
    still.fire(CANCEL_SECONDS)
    assert still.told == ["start", "kill"]
    assert isinstance(ear.error, Cancelled)
    assert client.state is ClientState.ENDING
    still.hear(done(1))  # was under way when it was killed
    assert waiting.state is JobState.QUEUED
    client.ended(9, True)
    assert still.told == ["start", "kill", "start"]
    still.welcome()
    assert waiting.state is JobState.RUNNING
    client.close()


def test_the_timer_of_one_job_does_not_kill_another(client: WorkerClient, still: Still, ear: Ear) -> None:
    job = running(client, still, ear)
    job.cancel()
    still.hear(Failed(1, ErrorFacts("Cancelled", "stopped", "", "")))
    other = client.submit(JobRequest("y"))
    other.cancel()
    first, *_ = (call for seconds, call in still.timers if seconds == CANCEL_SECONDS)
    first()
    assert still.told == ["start"]
    client.close()


def test_progress_of_the_panel_may_stop_the_job(client: WorkerClient, still: Still, ear: Ear) -> None:
    def stop(fraction: float, stage: str) -> None:
        raise Cancelled("enough")

    job = running(client, still, ear, progress=stop)
    still.hear(Reported(1, 0.1, "begun"))
    assert job.state is JobState.CANCELLING
    client.close()


def test_a_crash_fails_one_job_and_the_next_gets_a_fresh_process(client: WorkerClient, still: Still, ear: Ear) -> None:
    before = folders()
    running(client, still, ear)
    waiting = client.submit(JobRequest("y"))
    client.logged(b"Fatal Python error: Segmentation fault\nno end of line")
    client.ended(11, True)
    assert isinstance(ear.error, WorkerCrashedError)
    assert ear.error.log[-2:] == ("Fatal Python error: Segmentation fault", "no end of line")
    assert ear.log == ["Fatal Python error: Segmentation fault", "no end of line"]
    assert still.told == ["start", "start"]
    still.welcome()
    assert waiting.state is JobState.RUNNING
    assert len(folders() - before) == 1, "the files of the dead are gone"
    client.close()
    assert not folders() - before


def test_an_error_tells_the_log_of_its_own_process(client: WorkerClient, still: Still, ear: Ear) -> None:
    running(client, still, Ear())
    client.logged(b"the first process\n")
    client.ended(1, False)
    running(client, still, ear)
    client.ended(1, False)
    assert isinstance(ear.error, WorkerCrashedError)
    assert ear.error.log == ()
    assert "it says nothing about why" in str(ear.error)
    assert [line.text for line in client.log] == ["the first process"]
    client.close()


def test_a_process_that_ends_at_its_start_is_not_tried_for_ever(client: WorkerClient, still: Still, ear: Ear) -> None:
    jobs = [client.submit(JobRequest("x")) for _ in range(2)]
    client.logged(b"ModuleNotFoundError: No module named 'numpy'\n")
    client.ended(1, False)
    assert [type(job.error) for job in jobs] == [WorkerStartError] * 2
    assert "No module named 'numpy'" in str(jobs[0].error)
    assert still.told == ["start"]
    job = client.submit(JobRequest("x"))
    assert still.told == ["start", "start"], "asked for again, it is tried again"
    client.not_started("there is no such program")
    assert isinstance(job.error, WorkerStartError)
    assert client.state is ClientState.STOPPED
    client.close()


def test_a_start_that_takes_too_long_is_given_up(client: WorkerClient, still: Still) -> None:
    job = client.submit(JobRequest("x"))
    still.fire(60.0)
    assert isinstance(job.error, WorkerStartError)
    assert still.told == ["start", "kill"]
    client.ended(9, True)
    assert still.told == ["start", "kill"], "and not started again by itself"
    assert client.state is ClientState.STOPPED
    client.close()


def test_a_worker_of_another_version_is_ended(client: WorkerClient, still: Still) -> None:
    job = client.submit(JobRequest("x"))
    still.hear(Welcome(PROTOCOL, "0.0.1", 1), Reported(1, 0.1, "too late"))
    assert isinstance(job.error, WorkerVersionError)
    assert still.told == ["start", "kill"]
    assert still.said == []
    client.ended(9, True)
    assert still.told == ["start", "kill"]
    client.close()


@pytest.mark.parametrize(
    "line",
    [
        b'{"type": "Reported", "job": 1}\n',
        b'{"type": "Shout", "job": 1}\n',
        encode(Reported(99, 0.5, "of nobody")),
        encode(Welcome(PROTOCOL, __version__, 1)),
        encode(Part(1, 1, "a", "<f4", (3,), 2, 1, "result-0-1")),
        encode(Done(1, (), {"image": ImageFacts.of(ramp(2))}, {})),
        encode(Done(1, ({"question": "phase"},), {}, {})),
    ],
    ids=["fields", "type", "stranger", "twice", "block", "voxels", "finding"],
)
def test_a_worker_gone_mad_is_ended(client: WorkerClient, still: Still, ear: Ear, line: bytes) -> None:
    running(client, still, ear)
    client.received(line)
    assert isinstance(ear.error, ProtocolError)
    assert still.told == ["start", "kill"]
    assert client.state is ClientState.ENDING
    client.ended(9, True)
    assert client.state is ClientState.STOPPED
    client.close()


def test_noise_is_no_message(client: WorkerClient, still: Still, ear: Ear) -> None:
    client.submit(JobRequest("x"), ear.callbacks())
    client.received(b"Switch to module: Welcome\n{ not json\n")
    still.welcome()
    client.received(b"noise in between\n" + encode(done(1)))
    assert len(ear.done) == 1
    assert [line.text for line in client.log] == ["Switch to module: Welcome", "{ not json", "noise in between"]
    client.close()


def test_the_log_is_bounded(client: WorkerClient, still: Still, ear: Ear) -> None:
    running(client, still, ear)
    client.logged(b"".join(b"line %d\n" % n for n in range(2000)))
    assert len(client.log) == 500
    assert client.log[-1].text == "line 1999"
    assert len(ear.log) == 2000
    client.close()


def test_a_closed_client_is_silent(client: WorkerClient, still: Still, ear: Ear) -> None:
    before = folders()
    running(client, still, ear)
    client.close()
    assert isinstance(ear.error, Cancelled)
    assert still.told == ["start", "close"]
    client.ended(0, False)
    client.received(encode(done(1)))
    still.fire(CANCEL_SECONDS)
    still.fire(60.0)
    assert len(ear.failed) == 1
    assert not ear.done
    assert still.told == ["start", "close"]
    assert not folders() - before
    with pytest.raises(InvalidInputError, match="was closed"):
        client.submit(JobRequest("x"))


def test_waiting_needs_a_pump(client: WorkerClient) -> None:
    job = client.submit(JobRequest("x"))
    with pytest.raises(InvalidInputError, match="use callbacks"):
        client.wait(job)
    client.close()
