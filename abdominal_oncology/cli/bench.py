"""``abdominal-oncology bench``: measured figures beside named baselines."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from abdominal_oncology.bench import SUITES, run_suite
from abdominal_oncology.cli.output import (
    ExitCode,
    add_json_option,
    print_json,
    print_table,
    terminal_progress,
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("suite", nargs="?", choices=[*SUITES, "all"], default="all", help="what to measure")
    parser.add_argument("--only", metavar="TEXT", default="", help="only tasks whose name contains TEXT")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    progress = terminal_progress(quiet=options.json)
    suites = SUITES if options.suite == "all" else (options.suite,)
    timings = [timing for suite in suites for timing in run_suite(suite, options.only, progress)]
    if options.json:
        print_json([asdict(timing) for timing in timings])
    else:
        print_table(
            [
                {
                    "task": t.task,
                    "method": f"{'* ' if t.ours else '  '}{t.name}{f' ({t.note})' if t.note else ''}",
                    "seconds": t.seconds,
                    "min": t.fastest,
                    "max": t.slowest,
                    "× ours": t.ratio,
                    "goal": t.goal_seconds,
                }
                for t in timings
            ]
        )
    return ExitCode.DONE
