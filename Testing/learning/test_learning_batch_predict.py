"""A batch survives its bad cases, and does what is missing and nothing twice."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from batch_study import GRID, SliceTask, bad_study, image, run, study, table
from prediction_doubles import MemoryModel, facts

from abdominal_oncology.errors import (
    InvalidInputError,
    PredictionFailedError,
)
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.learning import batch_files
from abdominal_oncology.learning.batch_cases import cases_of, cases_of_manifest
from abdominal_oncology.learning.batch_files import BatchFolder, CaseResult
from abdominal_oncology.learning.batch_predict import predict_cases
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.learning.predict_case import predict_case
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.samples import Samples
from abdominal_oncology.progress import Progress, silent


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


def test_results_of_errors_of_others_keep_their_words() -> None:
    result = CaseResult.of_error("1", "p", ValueError())
    assert result.trouble is not None
    assert result.trouble["problem"] == "ValueError"
    assert result.status == "failed"
