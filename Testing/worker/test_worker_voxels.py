"""The remote reader gives what the reader would give, through the whole way but without a process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from odd_jobs import OwnError, find_odd
from worker_tools import CountingReader, ramp, read_request

from abdominal_oncology.errors import Cancelled, EmptyMaskError, InvalidInputError, MissingInputError, SceneError
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.worker import remote_reader, session
from abdominal_oncology.worker.client import WorkerClient
from abdominal_oncology.worker.handle import Callbacks
from abdominal_oncology.worker.in_process import InProcess
from abdominal_oncology.worker.jobs.request import JobRequest
from abdominal_oncology.worker.transport import PumpedTransport


@pytest.fixture(scope="module")
def client() -> Iterator[WorkerClient]:
    with WorkerClient(InProcess(find_odd)) as made:
        yield made


@pytest.fixture
def tiny_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two slices of a ramp at once, as float32; results in pieces of 100 bytes."""
    monkeypatch.setattr(remote_reader, "PIECE_BYTES", 2 * 4 * 8 * 6)
    monkeypatch.setattr(session, "PIECE_BYTES", 100)


@given(
    kind=st.sampled_from(["<i2", "<u2", "|u1", "<f4", "<f8", "|b1", "<i4"]),
    slices=st.none() | st.lists(st.integers(0, 10), max_size=12),
)
@settings(max_examples=30)
def test_any_slices_of_any_type(client: WorkerClient, kind: str, slices: list[int] | None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote_reader, "PIECE_BYTES", 2 * 4 * 8 * 6)
        patch.setattr(session, "PIECE_BYTES", 100)
        image = ramp(11, kind=kind)
        voxels = client.run(read_request(ArrayReader(image), slices)).arrays["voxels"]
    expected = image.voxels if slices is None else image.voxels[slices]
    assert voxels.shape == expected.shape
    assert np.array_equal(voxels, expected)
    assert voxels.dtype == expected.dtype or slices == []


@pytest.mark.usefixtures("tiny_pieces")
def test_slices_are_asked_for_once_in_small_pieces(client: WorkerClient) -> None:
    reader = CountingReader(ramp(40))
    result = client.run(read_request(reader, range(7, 20)))
    assert reader.asked == list(range(7, 20))
    assert result.facts["slices_read"] == {"image": 13}


@pytest.mark.usefixtures("tiny_pieces")
def test_threads_of_a_job_may_read_at_once(client: WorkerClient) -> None:
    image = ramp(60)
    order = np.random.default_rng(0).permutation(60)
    voxels = client.run(read_request(ArrayReader(image), order, threads=6)).arrays["voxels"]
    assert np.array_equal(voxels, image.voxels[order])


@pytest.mark.usefixtures("tiny_pieces")
def test_a_reader_may_find_fractions_on_the_way(client: WorkerClient) -> None:
    class Mixed(ArrayReader):
        def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
            voxels = super().read(slices)
            return voxels + np.float32(0.5) if slices is not None and 4 in slices else voxels

    image = ramp(8)
    voxels = client.run(read_request(Mixed(image), range(8))).arrays["voxels"]
    assert voxels.dtype == np.float32
    assert voxels[:, 0, 0].tolist() == [0, 10, 20, 30, 40.5, 50.5, 60, 70]


@pytest.mark.usefixtures("tiny_pieces")
def test_slices_larger_than_a_piece_cross_too(client: WorkerClient) -> None:
    image = ramp(3, 40, 40, np.float64)
    assert np.array_equal(client.run(read_request(ArrayReader(image), None)).arrays["voxels"], image.voxels)


@pytest.mark.usefixtures("tiny_pieces")
def test_images_and_arrays_come_back(client: WorkerClient) -> None:
    image = ramp(9)
    result = client.run(JobRequest("copy", {}, {"image": ArrayReader(image)}))
    copy = result.images["copy"]
    assert np.array_equal(copy.voxels, image.voxels)
    assert copy.voxels.dtype == image.voxels.dtype
    assert (copy.geometry, copy.modality, copy.source, copy.warnings) == (
        *(image.geometry, image.modality, image.source, image.warnings),
    )
    assert set(result.arrays) == {"empty", "one"}
    assert result.arrays["empty"].shape == (0, 3)
    assert result.arrays["one"].tolist() == [[1.5]]


@pytest.mark.parametrize("wrong", [[-1], [3], [99]])
def test_slices_that_are_not_there_are_refused(client: WorkerClient, wrong: list[int]) -> None:
    with pytest.raises(InvalidInputError, match="slices must lie in 0 … 2"):
        client.run(read_request(ArrayReader(ramp(3)), wrong))


def test_errors_of_a_job_and_of_a_reader_come_as_themselves(client: WorkerClient) -> None:
    class Deleted(ArrayReader):
        def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
            raise SceneError("the node was deleted", where="CT", remedy="load it again")

    with pytest.raises(SceneError, match="the node was deleted") as scene:
        client.run(read_request(Deleted(ramp(3)), [0]))
    assert (scene.value.where, scene.value.remedy) == ("CT", "load it again")
    with pytest.raises(EmptyMaskError, match="the mask is empty") as mask:
        client.run(JobRequest("fail"))
    assert (mask.value.where, mask.value.remedy) == ("liver", "draw it")
    with pytest.raises(InvalidInputError, match="nobody knows me") as own:
        client.run(JobRequest("fail_oddly"))
    assert type(own.value) is InvalidInputError is not OwnError
    with pytest.raises(MissingInputError, match="no image 'other'; it has image"):
        client.run(JobRequest("double_read", {}, {"image": ArrayReader(ramp(2))}))
    with pytest.raises(InvalidInputError, match="no job is called 'nonsense'"):
        client.run(JobRequest("nonsense"))
    with pytest.raises(InvalidInputError, match="cannot be handed over"):
        client.run(JobRequest("objects"))


@pytest.mark.parametrize("shape", [(1, 8, 6), (2, 8, 5), (2, 8, 6, 1)])
def test_a_reader_that_gives_something_else_is_told(client: WorkerClient, shape: tuple[int, ...]) -> None:
    class Wrong(ArrayReader):
        def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
            return np.zeros(shape)

    with pytest.raises(Exception, match=r"a reader gave voxels of shape|do not fit into"):
        client.run(read_request(Wrong(ramp(4)), [0, 1]))


def test_a_fault_in_a_reader_reaches_both_sides(client: WorkerClient) -> None:
    class Faulty(ArrayReader):
        def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
            raise KeyError("a fault")

    failed: list[Exception] = []
    job = client.submit(read_request(Faulty(ramp(3)), [0]), Callbacks(failed=failed.append))
    with pytest.raises(KeyError, match="a fault"):
        client.wait(job)
    assert len(failed) == 1
    assert job.is_over
    assert client.run(JobRequest("threads")).facts["main"]


def test_progress_stops_a_job_in_this_very_thread(client: WorkerClient) -> None:
    seen: list[float] = []

    def enough(fraction: float, stage: str) -> None:
        seen.append(fraction)
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        client.run(JobRequest("polite"), enough)
    assert len(seen) == 1
    with pytest.raises(Cancelled):
        client.run(JobRequest("bookworm", {}, {"image": ArrayReader(ramp(3))}), enough)


def test_both_transports_can_be_pumped() -> None:
    assert isinstance(InProcess(), PumpedTransport)


def test_masks_stay_masks(client: WorkerClient) -> None:
    mask = Image(np.eye(4, dtype=bool)[None], ramp(1, 4, 4).geometry, Modality.MASK)
    copy = client.run(JobRequest("copy", {}, {"image": ArrayReader(mask)})).images["copy"]
    assert copy.is_mask
    assert copy.voxels.dtype == bool
