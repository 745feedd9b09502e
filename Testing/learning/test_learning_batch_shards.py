"""Shards make one table, a batch can be cancelled, and reading ahead stays within its bounds."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from batch_study import SliceTask, run, study, table
from hypothesis import given
from hypothesis import strategies as st
from prediction_doubles import MemoryModel

from abdominal_oncology.errors import (
    Cancelled,
    InvalidInputError,
)
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.learning import batch_files
from abdominal_oncology.learning.batch_cases import BatchCase, Shard, cases_of_manifest
from abdominal_oncology.learning.batch_files import BatchFolder
from abdominal_oncology.learning.batch_predict import BatchSummary, collect, predict_cases
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.read_ahead import AHEAD, ReadAhead
from abdominal_oncology.learning.samples import Samples
from abdominal_oncology.progress import Progress, silent


@given(st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=30), st.integers(1, 7))
def test_shards_have_every_case_exactly_once(names: list[str], count: int) -> None:
    cases = [BatchCase(name, "p", lambda: Case("x"), dict) for name in names]
    dealt = [case.case for index in range(1, count + 1) for case in Shard(index, count).of(cases)]
    assert sorted(dealt) == sorted(names)
    assert [case.case for case in Shard(1, 1).of(cases)] == names


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_shards_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        Shard.parse(text)


def test_two_shards_at_once_make_one_whole_table(tmp_path: Path) -> None:
    names = tuple(f"case {number}" for number in range(12))
    manifest, output = study(tmp_path / "study", names), tmp_path / "out"
    summaries: list[BatchSummary] = []

    def work(index: int) -> None:
        summaries.append(run(manifest, output, shard=Shard(index, 2)))

    threads = [threading.Thread(target=work, args=(index,)) for index in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(summaries[0].answered + summaries[1].answered) == sorted(names)
    assert [row["case"] for row in table(output)] == list(names)
    whole = (output / "findings.csv").read_text()
    task = SliceTask()
    collected = collect(cases_of_manifest(manifest, task), output)  # type: ignore[arg-type]
    assert collected.waiting == ()
    assert (output / "findings.csv").read_text() == whole


def test_one_shard_alone_says_what_waits(tmp_path: Path) -> None:
    manifest, output = study(tmp_path / "study", tuple("abcdefgh")), tmp_path / "out"
    summary = run(manifest, output, shard=Shard(1, 2))
    assert sorted((*summary.answered, *summary.waiting)) == list("abcdefgh")
    assert 0 < len(summary.waiting) < 8
    assert [row["case"] for row in table(output)] == list(summary.answered)


def test_a_table_that_became_old_while_it_was_written_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, output = study(tmp_path / "study", ("anna", "bert")), tmp_path / "out"
    run(manifest, output)
    files = BatchFolder(output)
    late = files.path("bert").read_bytes()
    files.path("bert").unlink()
    write = batch_files.write_atomically

    def other_shard_is_quicker(path: Path, data: bytes) -> None:
        write(path, data)
        if path.name == "findings.csv" and not files.path("bert").exists():
            files.path("bert").write_bytes(late)

    monkeypatch.setattr(batch_files, "write_atomically", other_shard_is_quicker)
    files.collect(["anna", "bert"])
    assert [row["case"] for row in table(output)] == ["anna", "bert"]


def test_cancelling_keeps_what_is_finished(tmp_path: Path) -> None:
    manifest, output = study(tmp_path / "study"), tmp_path / "out"

    def stop(fraction: float, stage: str) -> None:
        if stage.startswith("case carl"):
            raise Cancelled("enough")

    predictor = Predictor(MemoryModel(), "cpu", "torch")
    with pytest.raises(Cancelled):
        run(manifest, output, predictor=predictor, progress=stop)
    assert threading.active_count() == 1 or not [t for t in threading.enumerate() if "case-reader" in t.name]
    assert not [path for path in (output / "cases").iterdir() if path.name.startswith(".")]
    summary = run(manifest, output, predictor=predictor)
    assert summary.kept == ("anna", "bert")
    assert summary.answered == ("carl", "dora")


def test_cancelling_does_not_wait_for_a_slow_reader(tmp_path: Path) -> None:
    class Slow(SliceTask):
        def samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
            for step in range(300):
                time.sleep(0.1)
                progress(step / 300, "decoding")
            raise AssertionError("nobody stopped me")

    started = time.monotonic()

    def stop(fraction: float, stage: str) -> None:
        if time.monotonic() - started > 0.3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        run(study(tmp_path / "study"), tmp_path / "out", Slow(), progress=stop)
    assert time.monotonic() - started < 10


def test_progress_names_the_cases_in_order(tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    run(study(tmp_path / "study"), tmp_path / "out", progress=lambda fraction, stage: seen.append((fraction, stage)))
    assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)
    stages = list(dict.fromkeys(stage for _, stage in seen))
    assert stages == [f"case {n} ({i} of 4)" for i, n in enumerate(("anna", "bert", "carl", "dora"), 1)] + [
        "making the table"
    ]


def test_readers_are_ahead_but_not_far() -> None:
    started: list[int] = []
    lock = threading.Lock()

    def make(item: int, progress: Progress) -> int:
        with lock:
            started.append(item)
        return -item

    with ReadAhead(make, range(20), readers=2) as ahead:
        for item, made in ahead:
            assert made == -item
            time.sleep(0.01)
            with lock:
                assert max(started) <= item + AHEAD
                assert item == 19 or max(started) > item  # the next one is under way while this one is used
    assert sorted(started) == list(range(20))
    with pytest.raises(InvalidInputError, match="at least one reader"):
        ReadAhead(make, [1], readers=0)


def test_memory_does_not_grow_over_200_cases(tmp_path: Path) -> None:
    voxels = np.zeros((64, 12, 12), np.int16)
    big = Image(voxels, Geometry(voxels.shape), Modality.CT)
    ballast = 2**18  # what each case drags along, four times the bytes that may remain of it

    class Heavy(SliceTask):
        def samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
            self.prepared.append(case.case)
            return Samples(np.resize(voxels, (ballast // 576, 1, 12, 12)).astype(np.float32))

    def batch(prefix: str, count: int) -> list[BatchCase]:
        return [BatchCase(f"{prefix}{n}", "p", lambda: Case.of_images("x", {"ct": big}), dict) for n in range(count)]

    task, predictor = Heavy(), Predictor(MemoryModel(), "cpu", "torch")
    predict_cases(batch("warm", 40), task, predictor, tmp_path / "out")  # type: ignore[arg-type]
    gc.collect()
    before = psutil.Process().memory_info().rss
    predict_cases(batch("case", 200), task, predictor, tmp_path / "out")  # type: ignore[arg-type]
    gc.collect()
    assert psutil.Process().memory_info().rss - before < 200 * ballast / 4
