"""``abdominal-oncology experiment``: a table or figure of a source paper, measured here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table, terminal_progress
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.experiment import Scale, run_experiment
from abdominal_oncology.tasks import experiments


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="which experiment; without it, all are listed")
    parser.add_argument("--scale", choices=get_args(Scale), default="small", help="smoke takes under two minutes")
    parser.add_argument("--output", type=Path, help="folder of results; an interrupted experiment goes on in it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument(
        "--start-from", metavar="BUNDLE", help="begin every training with a bundle's weights, where the experiment can"
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from abdominal_oncology.learning.bundle.store import installed_store
    from abdominal_oncology.learning.device import choose_device

    known = experiments()
    if options.name is None:
        rows = [{"name": each.name, "measures": each.title, "source": each.source} for each in known.values()]
        print_json(rows) if options.json else print_table(rows)
        return ExitCode.DONE
    if options.name not in known:
        raise InvalidInputError(f"no experiment is called {options.name!r}", remedy=f"choose one of {', '.join(known)}")
    output = options.output or Path(f"experiment-{options.name}-{options.scale}")
    device = str(choose_device(options.device).device)
    results = run_experiment(
        known[options.name],
        options.scale,
        output,
        seed=options.seed,
        device=device,
        start=installed_store().find(options.start_from) if options.start_from else None,
        progress=terminal_progress(quiet=options.json),
    )
    if options.json:
        print_json({row: {key: each.__dict__ for key, each in values.items()} for row, values in results.items()})
    else:
        print((output / "results.md").read_text(encoding="utf-8"))
    return ExitCode.DONE
