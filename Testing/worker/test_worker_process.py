"""Real processes: they are stopped, killed, crash, run out of memory, babble; and never outlive their client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from odd_jobs import peak_memory
from worker_tools import (
    PROGRAMS,
    CountingReader,
    folders,
    is_alive,
    odd_launch,
    pump_until,
    ramp,
    read_request,
    seconds_to_cancel,
    submit_and_wait_for_start,
    wait_until,
)

from abdominal_oncology.errors import Cancelled, FileRefusedError, PredictionFailedError
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.worker.client import ClientState, WorkerClient
from abdominal_oncology.worker.failures import WorkerCrashedError, WorkerError, WorkerStartError, WorkerVersionError
from abdominal_oncology.worker.handle import Callbacks, JobState
from abdominal_oncology.worker.jobs.request import JobRequest
from abdominal_oncology.worker.launch import Launch
from abdominal_oncology.worker.process_transport import ProcessTransport

HALF_A_SECOND = 0.5

linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked at through /proc")


def process_of(client: WorkerClient) -> int:
    return int(client.run(JobRequest("threads")).facts["process"])


def transport_of(client: WorkerClient) -> ProcessTransport:
    transport = client._transport
    assert isinstance(transport, ProcessTransport)
    return transport


def test_a_second_job_meets_the_same_process(shared: WorkerClient) -> None:
    first, second = (client_facts for client_facts in (shared.run(JobRequest("threads")).facts for _ in range(2)))
    assert first["process"] == second["process"] != os.getpid()
    assert first["main"], "libraries want the main thread"


@pytest.mark.parametrize("name", ["polite", "bookworm"])
def test_a_job_that_listens_is_stopped_and_its_process_stays(shared: WorkerClient, name: str) -> None:
    before = process_of(shared)
    image = ArrayReader(ramp(30))
    for delay in (0.0, 0.05, 0.2):
        job = submit_and_wait_for_start(shared, JobRequest(name, {}, {"image": image}))
        end = time.monotonic() + delay
        pump_until(shared, lambda end=end: time.monotonic() >= end)  # type: ignore[misc]
        assert seconds_to_cancel(shared, job) < HALF_A_SECOND
        assert isinstance(job.error, Cancelled)
        assert job.state is JobState.FAILED
    assert process_of(shared) == before


def test_a_job_is_stopped_before_it_has_begun(shared: WorkerClient) -> None:
    process_of(shared)
    job = shared.submit(JobRequest("polite"))
    assert seconds_to_cancel(shared, job) < HALF_A_SECOND
    assert isinstance(job.error, Cancelled)


def test_stopping_from_progress(shared: WorkerClient) -> None:
    def enough(fraction: float, stage: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        shared.run(JobRequest("polite"), enough)


def test_a_deaf_job_is_killed_and_the_next_one_works(shared: WorkerClient) -> None:
    before = process_of(shared)
    job = submit_and_wait_for_start(shared, JobRequest("deaf"))
    follower = shared.submit(JobRequest("threads"))
    assert seconds_to_cancel(shared, job) < HALF_A_SECOND
    assert isinstance(job.error, Cancelled)
    assert shared.wait(follower).facts["process"] != before
    assert not is_alive(before)


def test_a_flood_of_output_holds_up_no_kill(shared: WorkerClient) -> None:
    job = submit_and_wait_for_start(shared, JobRequest("flood"))
    assert seconds_to_cancel(shared, job) < HALF_A_SECOND
    assert len(shared.log) == 500


def test_after_a_kill_a_fresh_process_waits(shared: WorkerClient) -> None:
    job = submit_and_wait_for_start(shared, JobRequest("deaf"))
    job.cancel()
    pump_until(shared, lambda: shared.state is ClientState.IDLE)
    assert job.is_over


@pytest.mark.parametrize(
    ("how", "said"),
    [("kill", "SIGKILL"), ("fault", "SIGSEGV"), ("exit", "exit code 7")],
)
def test_a_crash_is_told_with_its_log_and_the_next_job_works(shared: WorkerClient, how: str, said: str) -> None:
    before = folders()
    with pytest.raises(WorkerCrashedError, match=said) as caught:
        shared.run(JobRequest("die", {"how": how}))
    assert shared.state is ClientState.STOPPED
    assert not folders() - before
    if how == "fault":
        assert any("die" in line for line in caught.value.log), "the log shows where it happened"
    assert "To go on: " in str(caught.value)
    assert shared.run(JobRequest("threads")).facts["process"]


def test_a_fault_in_a_job_is_told_with_its_traceback(shared: WorkerClient) -> None:
    with pytest.raises(WorkerCrashedError, match="KeyError: 'missing'") as caught:
        shared.run(JobRequest("bug"))
    assert any("odd_jobs.py" in line for line in caught.value.log)


@pytest.mark.parametrize("of", ["numpy", "torch"])
def test_memory_that_runs_out_is_told_and_the_process_stays(shared: WorkerClient, of: str) -> None:
    before = process_of(shared)
    with pytest.raises(PredictionFailedError, match="memory ran out"):
        shared.run(JobRequest("hungry", {"of": of}))
    assert process_of(shared) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_told_and_the_process_stays(shared: WorkerClient) -> None:
    before = process_of(shared)
    with pytest.raises(FileRefusedError, match="make room there"):
        shared.run(JobRequest("hungry", {"of": "disk"}))
    assert process_of(shared) == before


def test_other_runtime_errors_do_not_pass_for_it(shared: WorkerClient) -> None:
    with pytest.raises(WorkerCrashedError, match="a fault of another kind"):
        shared.run(JobRequest("hungry", {"of": "nothing"}))


def test_a_process_killed_while_idle_is_started_again(shared: WorkerClient) -> None:
    before = process_of(shared)
    os.kill(before, signal.SIGKILL)
    pump_until(shared, lambda: shared.state is ClientState.STOPPED)
    assert process_of(shared) != before


def test_what_libraries_print_goes_to_the_log(shared: WorkerClient) -> None:
    lines: list[str] = []
    job = shared.submit(JobRequest("chatter"), Callbacks(log=lambda line: lines.append(line.text)))
    assert shared.wait(job).facts["stolen"] == "", "nobody may read the client's messages"
    pump_until(shared, lambda: any("this is a warning" in line.text for line in shared.log))
    said = "\n".join(line.text for line in shared.log)
    for text in ("printed by Python", "written to descriptor 1", "put by C", "echoed by a child", "this is a warning"):
        assert text in said
    assert "printed by Python" in lines, "a job hears its own log"
    warned = next(line for line in shared.log if "this is a warning" in line.text)
    assert warned.level == "warning"


def test_jobs_are_done_in_their_order(shared: WorkerClient) -> None:
    order: list[str] = []
    for name in "abc":
        shared.submit(
            JobRequest("sleep", {"seconds": 0.01, "say": name}),
            Callbacks(done=lambda result: order.append(result.facts["said"])),
        )
    shared.wait(shared.submit(JobRequest("threads")))
    assert order == ["a", "b", "c"]


def test_a_waiting_job_can_be_taken_back(shared: WorkerClient) -> None:
    first = shared.submit(JobRequest("sleep", {"seconds": 0.05}))
    second = shared.submit(JobRequest("polite"))
    second.cancel()
    assert isinstance(second.error, Cancelled)
    assert not first.is_over
    shared.wait(first)


def test_a_client_is_closed_with_a_job_running() -> None:
    before = folders()
    failed: list[Exception] = []
    client = WorkerClient(ProcessTransport(odd_launch()))
    process = process_of(client)
    job = client.submit(JobRequest("polite"), Callbacks(failed=failed.append))
    waiting = client.submit(JobRequest("polite"), Callbacks(failed=failed.append))
    pump_until(client, lambda: job.state is JobState.RUNNING)
    client.close()
    client.close()
    assert [type(each) for each in failed] == [Cancelled, Cancelled]
    assert waiting.is_over
    assert not is_alive(process)
    assert not folders() - before
    with pytest.raises(WorkerError.__mro__[1], match="closed"):
        client.submit(JobRequest("polite"))


@linux_only
@pytest.mark.parametrize("job", ["polite", "deaf"])
def test_a_worker_does_not_outlive_its_client(job: str) -> None:
    """Not even one that is killed and can say nothing. The shared memory goes, too."""
    client = subprocess.Popen(
        [sys.executable, str(PROGRAMS / "short_lived_client.py"), job], stdout=subprocess.PIPE, text=True
    )
    with client:
        assert client.stdout is not None
        process, folder = client.stdout.readline().split()
        assert is_alive(int(process))
        assert Path(folder).is_dir()
        client.kill()
        client.wait()
    wait_until(lambda: not is_alive(int(process)), 3.0)
    assert not Path(folder).exists()


def test_the_end_of_input_ends_an_idle_worker(shared: WorkerClient) -> None:
    process = process_of(shared)
    stdin = transport_of(shared)._process.stdin  # type: ignore[union-attr]
    assert stdin is not None
    stdin.close()
    pump_until(shared, lambda: shared.state is ClientState.STOPPED, 3.0)
    assert not is_alive(process)


def test_a_worker_that_babbles_before_its_first_word() -> None:
    with WorkerClient(ProcessTransport(odd_launch("odd_worker.py", "--noisy"))) as client:
        client.run(JobRequest("threads"))
        assert "welcome to this Python" in [line.text for line in client.log]


def test_a_worker_of_another_version_is_refused() -> None:
    line = '{"type": "Welcome", "protocol": 99, "version": "7.0", "process": 1, "news": true}'
    with WorkerClient(ProcessTransport(odd_launch("other_worker.py", line))) as client:
        jobs = [client.submit(JobRequest("threads")) for _ in range(2)]
        with pytest.raises(WorkerVersionError, match="restart Slicer"):
            client.wait(jobs[0])
        assert isinstance(jobs[1].error, WorkerVersionError)
        pump_until(client, lambda: client.state is ClientState.STOPPED, 3.0)


def test_a_worker_that_cannot_start_says_why() -> None:
    launch = Launch(sys.executable, ("-c", "raise SystemExit('there is no numpy here')"), {})
    with (
        WorkerClient(ProcessTransport(launch)) as client,
        pytest.raises(WorkerStartError, match="there is no numpy here"),
    ):
        client.run(JobRequest("threads"))
    with (
        WorkerClient(ProcessTransport(Launch("no-such-python", (), {}))) as client,
        pytest.raises(WorkerStartError, match="no-such-python"),
    ):
        client.run(JobRequest("threads"))


def test_models_are_given_back_when_nobody_asks() -> None:
    with WorkerClient(ProcessTransport(odd_launch()), gpu_idle_seconds=0.05, model_idle_seconds=0.2) as client:
        client.run(JobRequest("leave_models"))
        pump_until(client, lambda: any("pool: close" in line.text for line in client.log), 5.0)
        told = [line.text for line in client.log if line.text.startswith("pool: ")]
        assert told == ["pool: release_gpu", "pool: close"]
        client.run(JobRequest("threads"))


@linux_only
def test_memory_does_not_grow_with_the_number_of_slices(shared: WorkerClient) -> None:
    """200 and 3000 slices of 256 × 256, all read: 26 MB and 393 MB cross, neither side holds them."""
    import numpy as np

    from abdominal_oncology.imaging.image import Image

    small = ramp(4, 256, 256)
    peaks = []
    for count in (200, 3000):
        voxels = np.broadcast_to(small.voxels[:1], (count, 256, 256))
        grid = small.geometry.crop((0, 0, 0), (count, 256, 256))
        reader = CountingReader(Image(voxels, grid, small.modality))
        before = peak_memory()
        facts = shared.run(JobRequest("skim", {}, {"image": reader})).facts
        assert facts["slices_read"] == {"image": count}
        assert len(reader.asked) == count
        peaks.append((facts["peak"], peak_memory() - before))
    assert peaks[1][0] - peaks[0][0] < 24 << 20, "the worker"
    assert peaks[1][1] < 24 << 20, "the client"


def test_only_the_slices_asked_for_cross(shared: WorkerClient) -> None:
    reader = CountingReader(ramp(100))
    result = shared.run(read_request(reader, [70, 3, 3, 41]))
    assert reader.asked == [70, 3, 3, 41]
    assert result.arrays["voxels"][:, 0, 0].tolist() == [700, 30, 30, 410]
    assert result.facts["slices_read"] == {"image": 4}
