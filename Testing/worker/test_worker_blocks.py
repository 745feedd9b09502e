"""Arrays through mapped files: true, private, bounded, and gone afterwards."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.worker import blocks
from abdominal_oncology.worker.blocks import BlockFolder, BlockReader, BlockWriter, plain_array, sweep
from abdominal_oncology.worker.failures import ProtocolError, WorkerError

TYPES = ("<i2", "<u2", "|u1", "<f4", "<f8", "|b1", ">i2", "<i8")


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(TYPES), st.integers(0, 60_000)), max_size=8))
@settings(max_examples=25)
def test_what_is_put_is_seen(tmp_path_factory: pytest.TempPathFactory, puts: list[tuple[int, str, int]]) -> None:
    """Any types and sizes, one after another, in the same files."""
    folder = tmp_path_factory.mktemp("blocks")
    writer, reader = BlockWriter(folder, "a"), BlockReader(folder)
    rng = np.random.default_rng(0)
    for slot, kind, size in puts:
        values = rng.integers(0, 100, (3, size)).astype(kind)
        file = writer.put(slot, values)
        seen = reader.view(file, values.dtype.str, values.shape)
        assert seen.dtype == values.dtype
        assert np.array_equal(seen, values)
        assert not seen.flags.writeable
        assert len(list(folder.iterdir())) <= 2, "one file a slot"
    writer.close()
    reader.close()


def test_a_file_is_used_again_until_it_must_grow(tmp_path: Path) -> None:
    writer = BlockWriter(tmp_path, "a")
    small, large = np.zeros(1000, np.int16), np.zeros(1_000_000, np.int16)
    names = [writer.put(0, each) for each in (small, small + 1, large, small, large)]
    assert len(set(names)) == 2
    assert [path.name for path in tmp_path.iterdir()] == [names[-1]]
    size = (tmp_path / names[-1]).stat()
    assert large.nbytes <= size.st_size <= 2 * large.nbytes
    assert size.st_blocks * 512 >= size.st_size, "a file with holes would end the process when memory lacks"


def test_strided_arrays_can_be_put(tmp_path: Path) -> None:
    values = np.arange(24).reshape(2, 3, 4)[:, ::-1, ::2]
    seen = BlockReader(tmp_path).view(BlockWriter(tmp_path, "a").put(0, values), values.dtype.str, values.shape)
    assert np.array_equal(seen, values)


def test_only_their_owner_may_enter_and_nothing_is_left(tmp_path: Path) -> None:
    folder = BlockFolder(tmp_path)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    BlockWriter(folder.path, "a").put(0, np.zeros(10))
    folder.close()
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_only_what_dead_clients_left_is_removed(tmp_path: Path) -> None:
    living = BlockFolder(tmp_path)
    program = (
        "import sys, os; from pathlib import Path; from abdominal_oncology.worker.blocks import BlockFolder\n"
        "folder = BlockFolder(Path(sys.argv[1])); (folder.path / 'a-0-1').write_bytes(b'x'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    assert len(list(tmp_path.iterdir())) == 2
    BlockFolder(tmp_path).close()
    assert list(tmp_path.iterdir()) == [living.path]
    sweep(tmp_path)
    assert living.path.is_dir()
    living.close()


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "gone-0-1"])
def test_only_blocks_of_the_folder_are_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(b"x" * 100)
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(ProtocolError):
        BlockReader(inner).view(name, "|u1", (1,))


def test_a_message_cannot_promise_more_than_a_block_holds(tmp_path: Path) -> None:
    file = BlockWriter(tmp_path, "a").put(0, np.zeros(4, np.uint8))
    reader = BlockReader(tmp_path)
    for kind, shape in (("<f8", (100_000,)), ("rubbish", (1,)), ("|O", (1,)), ("|u1", (-5,))):
        with pytest.raises(ProtocolError, match="does not hold"):
            reader.view(file, kind, shape)
    with pytest.raises(InvalidInputError, match="cannot be handed over"):
        plain_array(np.array([{}], dtype=object))


def test_without_room_there_is_a_named_error(tmp_path: Path) -> None:
    writer = BlockWriter(tmp_path / "gone", "a")
    with pytest.raises(WorkerError, match="no room to hand voxels over") as caught:
        writer.put(0, np.zeros(10))
    assert "TMPDIR" in caught.value.remedy
    with pytest.raises(WorkerError, match="no room"):
        BlockFolder(tmp_path / "gone")


def test_where_memory_is_short_files_go_to_the_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_ROOM_BYTES", 1 << 60)
    assert blocks.usual_base() == Path(blocks.tempfile.gettempdir())


def test_handing_over_is_quick(tmp_path: Path) -> None:
    """A piece must take far less than the tenth of a second that a window may stand still."""
    base = blocks.usual_base()
    folder = BlockFolder(base)
    writer, values = BlockWriter(folder.path, "a"), np.ones(blocks.PIECE_BYTES // 2, np.int16)
    writer.put(0, values)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        writer.put(0, values)
        times.append(time.perf_counter() - started)
    folder.close()
    assert min(times) < 0.05


def test_folders_that_belong_to_others_are_left(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may enter everywhere")
    foreign = tmp_path / "abdominal-oncology-x"
    foreign.mkdir(mode=0)
    sweep(tmp_path)
    assert foreign.is_dir()
