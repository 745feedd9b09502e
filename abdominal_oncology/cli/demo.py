"""``abdominal-oncology demo``: the main job on a patient made up on the spot."""

from __future__ import annotations

import argparse
from pathlib import Path

from abdominal_oncology.cli.output import (
    ExitCode,
    add_json_option,
    print_json,
    print_table,
    terminal_progress,
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), help="folder to write (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=12, help="another number, another patient (default: %(default)s)")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from abdominal_oncology.demo import NOTICE, UNITS, run_demo

    result = run_demo(options.output, seed=options.seed, progress=terminal_progress(quiet=options.json))
    if options.json:
        print_json({"report": result.report, "notice": NOTICE, "units": UNITS, "series": result.rows})
    else:
        print(f"\n{NOTICE}\nMedian HU per structure:\n")
        print_table(result.rows)
        print(f"\nReport: {result.report}")
    return ExitCode.DONE if all(row["read back exactly"] for row in result.rows) else ExitCode.BROKEN
