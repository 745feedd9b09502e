"""What every command shares: exit codes, tables, JSON, a progress line."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from abdominal_oncology.plain import as_plain
from abdominal_oncology.progress import Progress, silent

Commands = argparse._SubParsersAction  # argparse gives its own return type no public name


class ExitCode(IntEnum):
    DONE = 0
    BROKEN = 1
    USAGE = 2
    BAD_INPUT = 3
    SOME_FAILED = 4
    CANCELLED = 130


def add_command(
    commands: Commands[argparse.ArgumentParser], name: str, summary: str, example: str
) -> argparse.ArgumentParser:
    """A sub-command whose ``--help`` ends with one example that can be pasted."""
    return commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print data as JSON on standard output, nothing else")


def print_json(value: Any) -> None:
    print(json.dumps(as_plain(value), indent=2, ensure_ascii=False))


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Rows as aligned text columns; numbers to the right."""
    if not rows:
        print("(nothing)")
        return
    names = list(columns or rows[0])
    cells = [[_text(row.get(name, "")) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[c]) for line in cells)) for c, name in enumerate(names)]
    numeric = [all(_is_number(row.get(name)) for row in rows) for name in names]

    def line(parts: Sequence[str]) -> str:
        padded = (
            part.rjust(width) if right else part.ljust(width)
            for part, width, right in zip(parts, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    print(line(names))
    print("  ".join("-" * width for width in widths))
    for parts in cells:
        print(line(parts))


def terminal_progress(quiet: bool = False) -> Progress:
    """One line on standard error, redrawn on a terminal; on a log, one line per stage and not more."""
    if quiet:
        return silent
    interactive = sys.stderr.isatty()
    last_time, last_stage = 0.0, ""

    def report(fraction: float, stage: str) -> None:
        nonlocal last_time, last_stage
        now = time.monotonic()
        if interactive:
            if stage == last_stage and now - last_time < 0.1 and fraction < 1:
                return
            end = "\n" if fraction >= 1 else ""
            print(f"\r\x1b[K{fraction:4.0%}  {stage}", end=end, file=sys.stderr, flush=True)
        elif stage != last_stage:
            print(f"{fraction:4.0%}  {stage}", file=sys.stderr, flush=True)
        last_time, last_stage = now, stage

    return report


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return " × ".join(_text(item) for item in value)
    return "" if value is None else str(value)
