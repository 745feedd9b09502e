"""``abdominal-oncology deidentify``: CT and MR without their patients."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from abdominal_oncology.cli.output import (
    ExitCode,
    add_json_option,
    print_json,
    print_table,
    terminal_progress,
)
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.files import write_atomically
from abdominal_oncology.imaging.deidentify import (
    PROFILES,
    Outcome,
    Report,
    create_key,
    deidentify,
    load_key,
    profile_named,
)

REPORT_NAME = "deidentification-report.json"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="IN", type=Path, help="a DICOM file or a folder tree; it is only read")
    parser.add_argument("output", metavar="OUT", type=Path, help="a folder apart from IN; names in it are keyed hashes")
    parser.add_argument(
        "--profile",
        choices=[profile.name for profile in PROFILES],
        default=PROFILES[0].name,
        help="; ".join(f"{profile.name}: {profile.summary}" for profile in PROFILES),
    )
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="F",
        help="the secret behind the pseudonyms; made if absent. Without it a random one is used once and forgotten",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="spread files over N processes")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    report = deidentify(
        options.input,
        options.output,
        profile=profile_named(options.profile),
        key=_key(options.key_file, options.output),
        workers=options.workers,
        progress=terminal_progress(quiet=options.json),
    )
    text = json.dumps(report.as_dict(), indent=2) + "\n"
    write_atomically(options.output / REPORT_NAME, text.encode("utf-8"))
    if options.json:
        print_json(report.as_dict())
    else:
        _print(report)
    for row in report.failures:  # the paths are for this terminal only; the report has numbers
        print(f"file {row.number} failed: {row.reason} [{row.path}]", file=sys.stderr)
    if report.failures:
        return ExitCode.SOME_FAILED
    return ExitCode.DONE if report.count(Outcome.WRITTEN) else ExitCode.BAD_INPUT


def _key(path: Path | None, output: Path) -> bytes | None:
    if path is None:
        return None
    if path.resolve().is_relative_to(output.resolve()):
        raise InvalidInputError(
            "the key must not travel with the files that it protects", where=path, remedy="keep it outside OUT"
        )
    return load_key(path) if path.exists() else create_key(path)


def _print(report: Report) -> None:
    print_table(
        [
            {
                "study": study.study_uid,
                "series": study.series,
                "files": study.files,
                "kept": len(study.actions.get("kept", {})),
                "removed": len(study.removed),
                "refused": len(study.refused),
            }
            for study in report.studies
        ]
    )
    counts = {outcome: report.count(outcome) for outcome in Outcome}
    print(", ".join(f"{count} {outcome.value}" for outcome, count in counts.items()) + f"; details in {REPORT_NAME}")
    reasons: dict[str, int] = {}
    for row in report.rows:
        if row.outcome is Outcome.SKIPPED:
            reason = "the same instance as another file" if row.reason.startswith("the same") else row.reason
            reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in sorted(reasons.items()):
        print(f"  {count} skipped: {reason}")
