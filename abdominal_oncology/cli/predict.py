"""``abdominal-oncology predict``: findings of many cases, one file each and a table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table, terminal_progress
from abdominal_oncology.imaging.dicom.workers import processor_count
from abdominal_oncology.learning.batch_cases import Shard, cases_of
from abdominal_oncology.learning.batch_files import result_row
from abdominal_oncology.learning.bundle.origin import cautions_of
from abdominal_oncology.learning.bundle.store import installed_store
from abdominal_oncology.learning.findings_as_predictions import predictions_of
from abdominal_oncology.learning.manifest import read_manifest
from abdominal_oncology.learning.predictions_file import write_predictions
from abdominal_oncology.progress import part
from abdominal_oncology.tasks import TASKS, load_task

if TYPE_CHECKING:
    from abdominal_oncology.learning.batch_predict import BatchSummary

_MOST_LISTED = 30


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("cases", type=Path, help="a manifest, or a folder: every volume in it is a case")
    parser.add_argument(
        "--bundle", help="name of an installed bundle, or path of a folder or zip (default: the task's)"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the results; a stopped run goes on in it")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument("--engine", choices=("auto", "torch", "onnx"), default="auto", help="what computes on a CPU")
    parser.add_argument("--precision", choices=("auto", "32", "bf16", "16"), default="auto")
    parser.add_argument("--batch", type=int, metavar="N", help="samples at once (default: by device and size)")
    parser.add_argument("--shard", default="1/1", metavar="I/N", help="only the I-th of N parts, from 1 (default: all)")
    parser.add_argument("--collect", action="store_true", help="only make the table of what is there")
    parser.add_argument("--readers", type=int, default=2, metavar="N", help="threads that prepare cases (default: 2)")
    parser.add_argument(
        "--modality", choices=("CT", "MR"), default="CT", help="which volumes of a folder (default: CT)"
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from abdominal_oncology.learning.batch_predict import collect, predict_cases
    from abdominal_oncology.learning.predictor import Predictor

    shard = Shard.parse(options.shard)
    task = load_task(options.task)
    progress = terminal_progress(quiet=options.json)
    cases = cases_of(
        options.cases,
        task,
        modality=options.modality,
        workers=processor_count(),
        progress=part(progress, 0.0, 0.05),
    )
    if options.collect:
        return _report(collect(cases, options.output), options.json, "")
    store = installed_store()
    bundle = store.find(options.bundle, task=task.name) if options.bundle else store.default(task.name, task.bundles)
    predictor = Predictor(
        bundle,
        options.device,
        options.engine,
        options.precision,
        cache=store.onnx_cache,
        batch=options.batch,
    )
    summary = predict_cases(
        cases,
        task,
        predictor,
        options.output,
        shard=shard,
        readers=options.readers,
        progress=part(progress, 0.05, 1.0),
    )
    if options.cases.is_file():
        _write_predictions(summary, options, task.question, bundle.facts.classes)
    made_by = predictor.provenance()
    engine = f"; {made_by.engine}" if made_by.engine else ""
    return _report(
        summary,
        options.json,
        f"bundle {made_by.bundle} {made_by.bundle_version}, on {made_by.device}: {made_by.device_reason}{engine}",
    )


def _write_predictions(
    summary: BatchSummary, options: argparse.Namespace, question: str, classes: tuple[str, ...]
) -> None:
    """Where the manifest knows answers, ``predictions.csv`` for ``evaluate`` lies beside the findings."""
    labelled = predictions_of(summary.results, read_manifest(options.cases), question, classes)
    if labelled is not None:
        write_predictions(options.output / "predictions.csv", labelled.cases, labelled.predictions)


def _report(summary: BatchSummary, as_json: bool, how: str) -> int:
    failed = [result for result in summary.results if result.finding is None]
    rows = [result_row(result) for result in summary.results]
    said = cautions_of(result.finding for result in summary.results)
    if as_json:
        print_json(
            {
                "table": summary.table,
                "how": how,
                "cautions": said,
                "answered": summary.answered,
                "kept": summary.kept,
                "failed": [result.case for result in failed],
                "waiting": summary.waiting,
                "cases": rows,
            }
        )
        return ExitCode.SOME_FAILED if failed else ExitCode.DONE
    shown = [row for row in rows if row["status"] != "failed"][:_MOST_LISTED]
    if shown:
        print_table(shown, ["case", "status", "decision", "probability", "warnings", "seconds"])
    if len(rows) - len(failed) > len(shown):
        print(f"… and {len(rows) - len(failed) - len(shown)} more")
    for row in rows:
        if row["status"] == "failed":
            where = f" [{row['where']}]" if row["where"] else ""
            print(f"failed: {row['case']}: {row['error']}: {row['problem']}{where}")
    print(
        f"\n{len(summary.answered)} answered now, {len(summary.kept)} kept from before, {len(failed)} failed, "
        f"{len(summary.waiting)} waiting for other shards"
    )
    for caution in said:
        print(caution)
    if how:
        print(how)
    print(f"table: {summary.table}")
    return ExitCode.SOME_FAILED if failed else ExitCode.DONE
