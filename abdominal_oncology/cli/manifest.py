"""``abdominal-oncology manifest``: the table of cases of a folder, with the labels that its headers tell."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table, terminal_progress
from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.imaging.dicom.workers import processor_count
from abdominal_oncology.learning.folder_contents import Facts, PatientBy
from abdominal_oncology.learning.manifest_folder import FolderListing, ListedVolume, Miner, Told, list_folder
from abdominal_oncology.phase.mining import mine_study

_MOST_LISTED = 20


@dataclass(frozen=True)
class _ToldPhase:
    label: str
    reasons: tuple[str, ...]
    conflicts: tuple[str, ...]


def _phases(study: Sequence[Facts]) -> Sequence[Told]:
    mined = mine_study(study)
    return [_ToldPhase(str(one.phase or ""), one.reasons, one.conflicts) for one in mined]


_MINERS: dict[str, Miner] = {"phase": _phases}
"""Questions whose answer headers may tell."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", help="folder with DICOM, NIfTI, NRRD or MetaImage files, searched with all below it")
    parser.add_argument(
        "--output", type=Path, default=Path("manifest.csv"), help="the table to write (default: manifest.csv)"
    )
    parser.add_argument(
        "--question",
        default="phase",
        help=f"what is to be labelled; {', '.join(_MINERS)} is read from headers, others stay empty (default: phase)",
    )
    parser.add_argument("--modality", choices=("CT", "MR"), default="CT", help="which volumes to list (default: CT)")
    parser.add_argument("--role", help="the images' column, image.ROLE (default: the modality in small letters)")
    parser.add_argument(
        "--patient-by",
        choices=[str(by) for by in PatientBy],
        default=str(PatientBy.HEADER),
        help="tell patients apart by PatientID or by the first folder below FOLDER (default: header)",
    )
    parser.add_argument("--force", action="store_true", help="replace a table that is already there")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    table: Path = options.output
    _check_target(table, options.force)
    listing = list_folder(
        options.folder,
        table,
        question=options.question,
        miner=_MINERS.get(options.question),
        modality=options.modality,
        role=options.role or options.modality.lower(),
        patient_by=options.patient_by,
        workers=processor_count(),
        progress=terminal_progress(quiet=options.json),
    )
    listing.manifest.write(table)
    if options.json:
        print_json({"manifest": table, **_as_data(listing)})
    else:
        _print(listing, options.question, table)
    return ExitCode.SOME_FAILED if any(one.is_loss for one in listing.left_out) else ExitCode.DONE


def _check_target(table: Path, force: bool) -> None:
    if not table.parent.is_dir():
        raise MissingInputError("there is no such folder", where=table.parent, remedy="create it, or choose --output")
    if table.exists() and not force:
        raise InvalidInputError(
            "there is a table already, and labels corrected by hand may be in it",
            where=table,
            remedy="choose another --output, or --force",
        )


def _as_data(listing: FolderListing) -> dict[str, Any]:
    volumes = [
        {
            "case": one.row.case,
            "patient": one.row.patient,
            "study": one.row.study,
            "images": dict(one.row.images),
            "description": one.description,
            "label": one.label or None,
            "reasons": one.reasons,
            "conflicts": one.conflicts,
            "remarks": one.remarks,
        }
        for one in listing.volumes
    ]
    left_out = [
        {"path": one.path, "description": one.description, "reason": one.reason, "loss": one.is_loss}
        for one in listing.left_out
    ]
    return {"volumes": volumes, "left_out": left_out, "remarks": listing.remarks}


def _print(listing: FolderListing, question: str, table: Path) -> None:
    print_table(
        [
            {"case": one.row.case, "patient": one.row.patient, question: one.label or "unknown", "why": _why(one)}
            for one in listing.volumes
        ]
    )
    counts = Counter(one.label or "unknown" for one in listing.volumes)
    print(f"\n{len(listing.volumes)} cases: " + ", ".join(f"{count} {label}" for label, count in counts.most_common()))
    if listing.left_out:
        print(f"\n{len(listing.left_out)} left out:")
        for one in listing.left_out[:_MOST_LISTED]:
            print(f"  {one.path}: {one.reason}")
        if len(listing.left_out) > _MOST_LISTED:
            print(f"  … and {len(listing.left_out) - _MOST_LISTED} more (--json lists all)")
    for remark in listing.remarks:
        print(f"\n{remark}")
    print(f"\nwritten: {table}")


def _why(one: ListedVolume) -> str:
    told = one.conflicts or one.reasons
    if told:
        return "; ".join(told)
    return "; ".join(one.remarks) or f"nothing in its header tells it ({one.description or 'no description'})"
