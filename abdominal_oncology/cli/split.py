"""``abdominal-oncology split``: divides the patients of a manifest, and writes the sides into it."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.manifest import Manifest, check_no_leak, patients_of, read_manifest
from abdominal_oncology.learning.splits import hold_out, k_folds

_UNKNOWN = "unknown"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", type=Path, help="the table of cases; its split column is written")
    parser.add_argument("--question", required=True, help="the label that every side should hold alike: label.QUESTION")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--folds", type=int, help="number of equal parts for cross-validation, for example 5")
    how.add_argument(
        "--sides", type=_sides, help="named sides by share, for example train=0.7,validation=0.15,test=0.15"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed gives another division (default: 0)")
    parser.add_argument(
        "--output", type=Path, help="write another table, beside the manifest (default: into the manifest)"
    )
    parser.add_argument("--force", action="store_true", help="replace sides that the table has already")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    manifest = read_manifest(options.manifest)
    target = options.output or options.manifest
    _check(manifest, options.question, target, options.force)
    if options.folds is not None:
        divided = k_folds(manifest, options.question, options.folds, options.seed)
    else:
        divided = hold_out(manifest, options.question, options.sides, options.seed)
    check_no_leak(divided)
    divided.write(target)
    rows = _counts(divided, options.question)
    if options.json:
        sides = {row.case: row.split for row in divided.rows}
        print_json({"manifest": target, "question": options.question, "counts": rows, "sides": sides})
    else:
        print_table(rows)
        print(f"\nwritten: {target}")
    return ExitCode.DONE


def _check(manifest: Manifest, question: str, target: Path, force: bool) -> None:
    manifest.with_label(question)  # raises where there is nothing to stratify by
    if target.resolve().parent != manifest.folder.resolve():
        raise InvalidInputError(
            "the table holds paths relative to its own folder",
            where=target,
            remedy=f"write it into {manifest.folder}",
        )
    if any(row.split for row in manifest.rows):
        check_no_leak(manifest)
        if not force:
            raise InvalidInputError(
                "the cases have sides already, and results may rest on them",
                where=f"{manifest.name}, column split",
                remedy="use --force to divide again",
            )


def _counts(manifest: Manifest, question: str) -> list[dict[str, object]]:
    """One line per side: patients, cases, and cases of each class."""
    labels = sorted({row.labels.get(question, _UNKNOWN) for row in manifest.rows})
    lines: list[dict[str, object]] = []
    for side in sorted({row.split for row in manifest.rows}):
        rows = [row for row in manifest.rows if row.split == side]
        found = Counter(row.labels.get(question, _UNKNOWN) for row in rows)
        line: dict[str, object] = {"side": side, "patients": len(patients_of(rows)), "cases": len(rows)}
        lines.append(line | {label: found[label] for label in labels})
    return lines


def _sides(text: str) -> dict[str, float]:
    """``train=0.7,test=0.3`` → shares by name."""
    shares: dict[str, float] = {}
    for word in text.split(","):
        name, equals, share = word.strip().partition("=")
        try:
            value = float(share)
        except ValueError:
            value = 0.0
        if not name or not equals or not 0 < value < 1 or name in shares:
            raise argparse.ArgumentTypeError(f"{word!r} is not NAME=SHARE with a share between 0 and 1, each name once")
        shares[name] = value
    return shares
