"""A batch survives its bad cases, does what is missing and nothing twice, and its shards make one table."""

from __future__ import annotations

import csv
import gc
import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prediction_doubles import MemoryModel, facts

from abdominal_oncology.errors import (
    Cancelled,
    EmptyMaskError,
    GeometryMismatchError,
    InvalidInputError,
    PredictionFailedError,
    WrongModalityError,
)
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.learning import batch_files
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.batch_cases import BatchCase, Shard, cases_of, cases_of_manifest
from abdominal_oncology.learning.batch_files import BatchFolder, CaseResult
from abdominal_oncology.learning.batch_predict import BatchSummary, collect, predict_cases
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding, Measurement, Provenance
from abdominal_oncology.learning.manifest import Manifest, read_manifest
from abdominal_oncology.learning.predict_case import predict_case
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.read_ahead import AHEAD, ReadAhead
from abdominal_oncology.learning.samples import Samples
from abdominal_oncology.learning.task import About
from abdominal_oncology.progress import Progress, silent

GRID = Geometry((3, 12, 12), (2.0, 1.0, 1.0))


@dataclass
class SliceTask:
    """Every slice of ``ct`` is a sample, inside of ``liver`` where there is one; the mean answer decides."""

    name: str = "phase"
    question: str = "phase"
    roles: tuple[str, ...] = ("ct",)
    bundles: tuple[str, ...] = ()
    about: About = field(default_factory=About)
    modality = Modality.CT
    prepared: list[str] = field(default_factory=list)
    value: float = 1.0

    def samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        self.prepared.append(case.case)
        image = case.read_image("ct")
        if image.modality is not Modality.CT:
            raise WrongModalityError(f"this is {image.modality}, not CT", where=case.case)
        voxels = image.voxels
        if "liver" in case.masks:
            mask = case.read_mask("liver")
            if mask.geometry != image.geometry:
                raise GeometryMismatchError("the mask does not overlap the image", where=case.case)
            if not mask.voxels.any():
                raise EmptyMaskError("the mask is empty", where=case.case)
        progress(1.0, "ready")
        return Samples(voxels[:, None].astype(np.float32) / 1000, tuple(range(len(voxels))))

    def decide(
        self, case: Case, samples: Samples, answers: Answers, facts: BundleFacts, provenance: Provenance
    ) -> Finding:
        mean = answers.probabilities.mean(axis=0)
        return Finding(
            self.question,
            f"case {case.case}",
            facts.classes[int(mean.argmax())],
            dict(zip(facts.classes, map(float, mean), strict=True)),
            provenance,
            measurements=(Measurement("brightness", self.value * float(samples.inputs.mean()), "HU"),),
        )


def image(seed: int, modality: Modality = Modality.CT) -> Image:
    return Image(np.random.default_rng(seed).integers(-100, 300, GRID.shape, dtype=np.int16), GRID, modality)


def study(folder: Path, names: tuple[str, ...] = ("anna", "bert", "carl", "dora")) -> Manifest:
    """A folder of CT volumes with its table."""
    folder.mkdir(exist_ok=True)
    lines = ["case,patient,image.ct"]
    for seed, name in enumerate(names):
        write_volume_file(image(seed), folder / f"{seed}.nrrd")
        lines.append(f"{name},p-{name},{seed}.nrrd")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return read_manifest(folder / "manifest.csv")


def run(manifest: Manifest, output: Path, task: SliceTask | None = None, **options: Any) -> BatchSummary:
    task = task or SliceTask()
    predictor = options.pop("predictor", None) or Predictor(MemoryModel(), "cpu", "torch")
    return predict_cases(cases_of_manifest(manifest, task), task, predictor, output, **options)  # type: ignore[arg-type]


def table(output: Path) -> list[dict[str, str]]:
    with (output / "findings.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_case_has_a_finding_and_a_row(tmp_path: Path) -> None:
    manifest = study(tmp_path / "study")
    summary = run(manifest, tmp_path / "out")
    assert summary.answered == ("anna", "bert", "carl", "dora")
    assert (summary.kept, summary.failed, summary.waiting) == ((), (), ())
    rows = table(tmp_path / "out")
    assert [row["case"] for row in rows] == ["anna", "bert", "carl", "dora"]
    assert {row["status"] for row in rows} == {"answered"}
    assert list(rows[0])[:5] == ["case", "patient", "status", "decision", "probability"]
    for row, result in zip(rows, summary.results, strict=True):
        assert result.finding is not None
        shares = [float(row[f"p.{name}"]) for name in facts().classes]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert float(row["probability"]) == max(shares)
        assert float(row["brightness (HU)"]) == pytest.approx(result.finding.measurements[0].value)
        assert row["patient"] == f"p-{row['case']}"
        stored = json.loads(BatchFolder(tmp_path / "out").path(row["case"]).read_text())
        assert Finding.from_dict(stored) == result.finding
        assert stored["provenance"]["inputs"]["image.ct"].startswith(f"{'abcd'.index(row['case'][0])}.nrrd (")


def test_a_case_alone_gets_the_batch_s_answer(tmp_path: Path) -> None:
    manifest = study(tmp_path / "study", ("anna",))
    summary = run(manifest, tmp_path / "out")
    task, predictor = SliceTask(), Predictor(MemoryModel(), "cpu", "torch")
    seen: list[float] = []
    case = cases_of_manifest(manifest, task)[0].open()  # type: ignore[arg-type]
    alone = predict_case(case, task, predictor, lambda fraction, stage: seen.append(fraction))  # type: ignore[arg-type]
    assert summary.results[0].finding is not None
    assert alone.probabilities == summary.results[0].finding.probabilities
    assert alone.provenance.seconds > 0
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_second_run_does_nothing_twice(tmp_path: Path) -> None:
    manifest, output = study(tmp_path / "study"), tmp_path / "out"
    run(manifest, output)
    before = {path: path.stat().st_mtime_ns for path in (output / "cases").iterdir()}
    first_table = (output / "findings.csv").read_text()
    task = SliceTask()
    summary = run(manifest, output, task)
    assert task.prepared == []
    assert summary.kept == ("anna", "bert", "carl", "dora")
    assert {path: path.stat().st_mtime_ns for path in (output / "cases").iterdir()} == before
    assert (output / "findings.csv").read_text() == first_table


def test_only_what_is_missing_changed_or_broken_is_done_again(tmp_path: Path) -> None:
    manifest, output = study(tmp_path / "study"), tmp_path / "out"
    run(manifest, output)
    files = BatchFolder(output)
    files.path("anna").unlink()
    write_volume_file(image(77), tmp_path / "study" / "1.nrrd")  # bert
    files.path("carl").write_text(files.path("carl").read_text()[:100])  # as after a crash of the machine
    task = SliceTask()
    summary = run(manifest, output, task)
    assert sorted(task.prepared) == ["anna", "bert", "carl"]
    assert summary.kept == ("dora",)
    other = Predictor(MemoryModel(sha256="9" * 64), "cpu", "torch")
    assert run(manifest, output, predictor=other).answered == ("anna", "bert", "carl", "dora")


def bad_study(folder: Path) -> Manifest:
    """Good cases between every kind of bad one."""
    study(folder, ("good", "fine"))
    write_volume_file(image(5), folder / "whole.nrrd")
    (folder / "broken.nrrd").write_bytes((folder / "whole.nrrd").read_bytes()[:400])
    (folder / "nonsense.nrrd").write_bytes(b"this is no image")
    values = np.zeros(GRID.shape, np.float32)
    values[1, 2, 3] = np.nan
    write_volume_file(Image(values, GRID, Modality.CT), folder / "nan.nrrd")
    write_volume_file(image(6, Modality.MR), folder / "mr.nrrd")
    liver = Image(np.ones(GRID.shape, np.uint8), GRID, Modality.MASK)
    write_volume_file(liver, folder / "liver.nrrd")
    elsewhere = Geometry(GRID.shape, (2.0, 1.0, 1.0), (500.0, 0.0, 0.0))
    write_volume_file(Image(liver.voxels, elsewhere, Modality.MASK), folder / "far.nrrd")
    write_volume_file(Image(np.zeros(GRID.shape, np.uint8), GRID, Modality.MASK), folder / "empty.nrrd")
    lines = [
        "case,patient,image.ct,mask.liver",
        "good,1,0.nrrd,liver.nrrd",
        "absent,1,not-there.nrrd,",
        "broken,1,broken.nrrd,",
        "nonsense,1,nonsense.nrrd,",
        "nan,1,nan.nrrd,",
        "mr,1,mr.nrrd,",
        "far,1,0.nrrd,far.nrrd",
        "empty,1,0.nrrd,empty.nrrd",
        "nothing,1,,liver.nrrd",
        "fine,2,1.nrrd,",
    ]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return read_manifest(folder / "manifest.csv")


def test_bad_cases_are_rows_with_their_reasons(tmp_path: Path) -> None:
    manifest, output = bad_study(tmp_path / "study"), tmp_path / "out"
    summary = run(manifest, output)
    assert summary.answered == ("good", "fine")
    rows = {row["case"]: row for row in table(output)}
    assert list(rows) == [row.case for row in manifest.rows]
    said = {case: (row["error"], row["problem"] + row["where"]) for case, row in rows.items() if row["error"]}
    assert set(summary.failed) == set(said) == set(rows) - {"good", "fine"}
    expected = {
        "absent": ("MissingInputError", "row 3, column image.ct"),
        "broken": ("UnreadableFileError", "broken.nrrd"),
        "nonsense": ("UnreadableFileError", "nonsense.nrrd"),
        "nan": ("InvalidInputError", "not finite"),
        "mr": ("WrongModalityError", "MR, not CT"),
        "far": ("GeometryMismatchError", "does not overlap"),
        "empty": ("EmptyMaskError", "empty"),
        "nothing": ("InvalidInputError", "row 10, column image.ct"),
    }
    for case, (kind, words) in expected.items():
        assert said[case][0] == kind, said[case]
        assert words in said[case][1]
    assert rows["absent"]["remedy"]


def test_a_mended_case_is_done_by_the_next_run(tmp_path: Path) -> None:
    manifest, output = bad_study(tmp_path / "study"), tmp_path / "out"
    run(manifest, output)
    write_volume_file(image(8), tmp_path / "study" / "not-there.nrrd")
    summary = run(manifest, output)
    assert summary.answered == ("absent",)
    assert summary.kept == ("good", "fine")
    assert not BatchFolder(output).path("absent", failed=True).exists()


def test_a_drive_that_comes_back_brings_its_findings_back(tmp_path: Path) -> None:
    manifest, output = study(tmp_path / "study"), tmp_path / "out"
    run(manifest, output)
    (tmp_path / "study").rename(tmp_path / "unplugged")
    assert len(run(manifest, output).failed) == 4
    assert {row["status"] for row in table(output)} == {"failed"}
    (tmp_path / "unplugged").rename(tmp_path / "study")
    assert len(run(manifest, output).kept) == 4
    assert {row["status"] for row in table(output)} == {"answered"}


@pytest.mark.parametrize("error", [MemoryError, lambda: RuntimeError("ITK"), lambda: OSError(5, "disk"), KeyError])
def test_troubles_of_libraries_stay_with_their_case(tmp_path: Path, error: Any) -> None:
    class Troubled(SliceTask):
        def samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
            if case.case == "bert":
                raise error()
            return super().samples(case, preparation, progress)

    summary = run(study(tmp_path / "study"), tmp_path / "out", Troubled())
    assert summary.failed == ("bert",)
    assert table(tmp_path / "out")[1]["error"] == type(error()).__name__


def test_a_finding_without_numbers_fails_alone(tmp_path: Path) -> None:
    summary = run(study(tmp_path / "study"), tmp_path / "out", SliceTask(value=float("nan")))
    assert len(summary.failed) == 4
    assert table(tmp_path / "out")[0]["error"] == "PredictionFailedError"


def test_our_own_mistakes_are_not_hidden(tmp_path: Path) -> None:
    class Mistaken(SliceTask):
        def decide(self, *_: Any) -> Finding:
            raise TypeError("a mistake in the program")

    with pytest.raises(TypeError, match="a mistake"):
        run(study(tmp_path / "study"), tmp_path / "out", Mistaken())


def test_a_bundle_for_another_task_is_refused(tmp_path: Path) -> None:
    manifest = study(tmp_path / "study")
    with pytest.raises(InvalidInputError, match="for the task hcc, not phase"):
        run(manifest, tmp_path / "out", predictor=Predictor(MemoryModel(facts(task="hcc")), "cpu"))


def test_notes_of_the_predictor_are_in_the_finding(tmp_path: Path) -> None:
    from prediction_doubles import Greedy

    model = MemoryModel(build=lambda: Greedy(MemoryError, most=1))
    summary = run(study(tmp_path / "study"), tmp_path / "out", predictor=Predictor(model, "cpu", "torch", batch=2))
    for result in summary.results:
        assert result.finding is not None
        assert result.finding.has_warning("prediction-went-on")
        assert "ran out with 2 samples" in result.finding.warnings[0].message


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


def test_names_of_cases_may_hold_anything(tmp_path: Path) -> None:
    files = BatchFolder(tmp_path)
    names = ["a/b", "a b", "A B", "../../etc", "ä" * 300, "", ".", "con:"]
    paths = {files.path(name) for name in names}
    assert len({str(path).lower() for path in paths}) == len(names)
    assert all(path.parent == tmp_path / "cases" and len(path.name) < 100 for path in paths)


def test_a_folder_is_a_batch_too(tmp_path: Path) -> None:
    study(tmp_path / "study", ("anna", "bert"))
    (tmp_path / "study" / "manifest.csv").unlink()
    cases = cases_of(tmp_path / "study", SliceTask())  # type: ignore[arg-type]
    assert len(cases) == 2
    assert {case.open().image("ct").geometry.shape for case in cases} == {GRID.shape}
    assert all("missing" not in text for case in cases for text in case.inputs().values())


def test_places_that_cannot_be_written_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="cannot be kept here"):
        BatchFolder(tmp_path / "file")

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(batch_files, "write_atomically", full)
    with pytest.raises(PredictionFailedError, match="No space left"):
        run(study(tmp_path / "study"), tmp_path / "out")
    with pytest.raises(InvalidInputError, match="no cases"):
        predict_cases((), SliceTask(), Predictor(MemoryModel(), "cpu"), tmp_path)  # type: ignore[arg-type]


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


def test_results_of_errors_of_others_keep_their_words() -> None:
    result = CaseResult.of_error("1", "p", ValueError())
    assert result.trouble is not None
    assert result.trouble["problem"] == "ValueError"
    assert result.status == "failed"
