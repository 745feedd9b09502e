"""``abdominal-oncology scan``: what a folder of DICOM files holds."""

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
from abdominal_oncology.imaging.dicom import Patient, Scan, Series, Study, Volume, scan_folder
from abdominal_oncology.imaging.dicom.workers import processor_count

_COLUMNS = (
    "patient",
    "study",
    "series",
    "volume",
    "description",
    "modality",
    "slices",
    "spacing mm",
    "kind",
    "remarks",
)
_MOST_LISTED = 20


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", help="folder with DICOM files, searched with all folders below it")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    scan = scan_folder(options.folder, progress=terminal_progress(quiet=options.json), workers=processor_count())
    rows = _rows(scan)
    if options.json:
        skipped = [{"path": file.path, "reason": file.reason} for file in scan.skipped]
        print_json({"volumes": rows, "skipped": skipped})
    else:
        print_table(
            [{**row, "remarks": "; ".join(row["remarks"])} for row in rows],
            _COLUMNS,
        )
        if scan.skipped:
            print(f"\n{len(scan.skipped)} files left out:")
            for file in scan.skipped[:_MOST_LISTED]:
                print(f"  {file.path}: {file.reason}")
            if len(scan.skipped) > _MOST_LISTED:
                print(f"  … and {len(scan.skipped) - _MOST_LISTED} more (--json lists all)")
    broken = any(volume.problem for series in scan.series for volume in series.volumes)
    return ExitCode.SOME_FAILED if broken or any(file.is_dicom for file in scan.skipped) else ExitCode.DONE


def _rows(scan: Scan) -> list[dict[str, Any]]:
    """One row per volume, or per series that holds none; ``volume`` is the number that ``--volume`` takes."""
    rows: list[dict[str, Any]] = []
    number = 0
    for patient in scan.patients:
        for study in patient.studies:
            for series in study.series:
                if not series.volumes:
                    rows.append(_row(patient, study, series) | {"slices": len(series.headers), "kind": series.kind})
                for volume in series.volumes:
                    rows.append(_row(patient, study, series) | {"volume": number} | _facts(volume))
                    number += 1
    return rows


def _row(patient: Patient, study: Study, series: Series) -> dict[str, Any]:
    return {
        "patient": patient.patient_id,
        "study": study.description or study.date,
        "series": series.number,
        "volume": None,
        "description": series.description,
        "modality": series.modality,
        "slices": None,
        "spacing mm": None,
        "kind": None,
        "remarks": [],
        "study_uid": study.uid,
        "series_uid": series.uid,
    }


def _facts(volume: Volume) -> dict[str, Any]:
    facts: dict[str, Any] = {"slices": len(volume.group.planes), "kind": volume.kind}
    remarks = [volume.told_apart_by] if volume.told_apart_by else []
    if volume.stack is not None:
        facts |= {"slices": volume.stack.geometry.shape[0], "spacing mm": volume.stack.geometry.spacing_mm}
        remarks += [f"{warning.code}: {warning.message}" for warning in volume.stack.warnings]
    if volume.problem is not None:
        remarks.append(f"cannot be opened: {volume.problem}")
    return facts | {"remarks": remarks}
