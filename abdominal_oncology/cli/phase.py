"""``abdominal-oncology phase``: the contrast phase of every CT volume among files and folders."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from abdominal_oncology.cli.model import add_model_options, open_predictor
from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table, terminal_progress
from abdominal_oncology.cli.phase_report import phase_report
from abdominal_oncology.imaging.dicom.workers import processor_count
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.learning.batch_files import TABLE, result_row
from abdominal_oncology.learning.bundle.origin import cautions_of
from abdominal_oncology.phase.bundles import BUNDLES
from abdominal_oncology.phase.classify import ClassifySettings
from abdominal_oncology.phase.classify_many import ClassifiedVolumes, classify_volumes
from abdominal_oncology.phase.volumes import FoundVolumes, find_ct_volumes
from abdominal_oncology.progress import part

_ALONE = "kinetics"
_SHOWN = ("case", "status", "decision", "probability", "description", "warnings", "seconds")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILES_OR_FOLDER", help="DICOM, NIfTI, NRRD, MetaImage")
    parser.add_argument("--output", type=Path, required=True, help="folder of the findings, the table and the report")
    parser.add_argument("--fraction", type=float, default=0.3, help="share of the slices that may vote (default: 0.3)")
    parser.add_argument("--seed", type=int, default=0, help="which slices these are (default: 0)")
    parser.add_argument(
        "--sequential", type=float, metavar="RATE", help="stop reading at this error rate (0.01: a dozen slices do)"
    )
    parser.add_argument(
        "--region",
        action=argparse.BooleanOptionalAction,
        help="only slices of the abdomen vote (default: the bundle's)",
    )
    parser.add_argument(
        "--kinetics", action=argparse.BooleanOptionalAction, default=True, help="measure vessels and organs, too"
    )
    parser.add_argument("--segmentation", metavar="FILE", help="a label map with TotalSegmentator's numbers")
    parser.add_argument("--threshold", type=float, help="least probability that is answered (default: the bundle's)")
    add_model_options(parser, _ALONE)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = ClassifySettings(
        options.fraction,
        options.seed,
        options.sequential,
        options.region,
        options.kinetics,
        threshold=options.threshold,
    )
    progress = terminal_progress(quiet=options.json)
    predictor, how = open_predictor(options, "phase", BUNDLES, _ALONE)
    how += " and kinetics" if predictor is not None and options.kinetics else ""
    segmentation = None
    if options.segmentation:
        segmentation = read_image(open_reader(options.segmentation, modality="MASK"))
    found = find_ct_volumes(options.paths, processor_count(), part(progress, 0.0, 0.1))
    done = classify_volumes(
        found.volumes,
        options.output,
        predictor=predictor,
        settings=settings,
        segmentation=segmentation,
        progress=part(progress, 0.1, 0.98),
    )
    progress(0.98, "writing the report")
    report = phase_report(done.results, found.left_out, done.studies).write(options.output)
    progress(1.0, "done")
    _tell(options, found, done, how, report)
    failed = any(result.finding is None for result in done.results) or any(each.is_loss for each in found.left_out)
    return ExitCode.SOME_FAILED if failed else ExitCode.DONE


def _tell(options: argparse.Namespace, found: FoundVolumes, done: ClassifiedVolumes, how: str, report: Path) -> None:
    rows = [_with_agreement(result_row(result), result.finding) for result in done.results]
    said = cautions_of(result.finding for result in done.results)
    if options.json:
        print_json(
            {
                "how": how,
                "cautions": said,
                "table": options.output / TABLE,
                "report": report,
                "cases": rows,
                "left_out": [vars(each) for each in found.left_out],
                "studies": done.studies.to_dict(),
            }
        )
        return
    shown = [row for row in rows if row["status"] != "failed"]
    if shown:
        print_table(shown, _SHOWN)
    for row in rows:
        if row["status"] == "withheld":
            print(f"withheld: {row['case']}: {row['reason']}")
        elif row["status"] == "failed":
            where = f" [{row['where']}]" if row["where"] else ""
            print(f"failed: {row['case']}: {row['error']}: {row['problem']}{where}")
    for each in found.left_out:
        print(f"left out: {each.description or each.path}: {each.reason}")
    for one in done.studies:
        series = ", ".join(f"{phase} {name}" for phase, name in one.series.items())
        lacks = ", ".join(str(phase) for phase in one.missing)
        print(f"set ({one.part}): {series}" + (f"; missing: {lacks}" if lacks else ""))
    for caution in said:
        print(f"\n{caution}")
    print(f"\n{how}\ntable: {options.output / TABLE}\nreport: {report}")


def _with_agreement(row: dict[str, Any], finding: Any) -> dict[str, Any]:
    if finding is None:
        return row
    return row | {"description": finding.tables.get("description", ({},))[0].get("agreement", "")}
