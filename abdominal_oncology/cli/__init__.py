"""``abdominal-oncology``: parses, calls, prints. The work lives elsewhere; one command per module here.

Exit codes: 0 done; 1 something broke that should not have; 2 the command line is wrong; 3 the input is wrong (the
message says which and what to do); 4 done, but some cases failed (each is named); 130 cancelled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from abdominal_oncology import __version__
from abdominal_oncology.cli import bench, deidentify, demo, info, phantom, scan
from abdominal_oncology.cli.output import ExitCode
from abdominal_oncology.errors import AbdominalOncologyError, Cancelled

_COMMANDS = (demo, scan, info, deidentify, phantom, bench)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="abdominal-oncology",
        description="Contrast phase, liver lesion and rectal stage on abdominal CT and MR. Research use only.",
    )
    parser.add_argument("--version", action="version", version=f"abdominal-oncology {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (Cancelled, KeyboardInterrupt):
        print("cancelled", file=sys.stderr)
        return ExitCode.CANCELLED
    except AbdominalOncologyError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    except BrokenPipeError:  # the reader of our output left early, as `| head` does
        sys.stderr.close()
        return ExitCode.DONE
