"""``abdominal-oncology info``: what one image is, where it lies and what was found wrong with it."""

from __future__ import annotations

import argparse
from typing import Any

from abdominal_oncology.cli.output import (
    ExitCode,
    add_json_option,
    print_json,
    print_table,
    terminal_progress,
)
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.imaging.summary import summarise
from abdominal_oncology.progress import part


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", help="a folder of DICOM files, a DICOM file, or a .nii .nii.gz .nrrd .mha file")
    parser.add_argument("--series", metavar="UID", default="", help="which series of a folder")
    parser.add_argument("--volume", metavar="N", type=int, help="which volume of a folder, as `scan` numbers them")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    progress = terminal_progress(quiet=options.json)
    reader = open_reader(
        options.path, series_uid=options.series, volume=options.volume, progress=part(progress, 0.0, 0.5)
    )
    facts = summarise(read_image(reader, part(progress, 0.5, 1.0)))
    progress(1.0, "done")
    if options.json:
        print_json(facts)
        return ExitCode.DONE
    header, warnings = facts.pop("header"), facts.pop("warnings")
    print_table([{"what": name.replace("_", " "), "value": _text(value, ", ")} for name, value in facts.items()])
    if header:
        print()
        print_table([{"header": name, "value": _text(value, " \\ ")} for name, value in header.items()])
    for warning in warnings:
        print(f"\nwarning {warning['code']}: {warning['message']}")
    return ExitCode.DONE


def _text(value: Any, between: str) -> Any:
    if not isinstance(value, list | tuple):
        return value
    return between.join(f"{item:.4g}" if isinstance(item, float) else str(item) for item in value)
