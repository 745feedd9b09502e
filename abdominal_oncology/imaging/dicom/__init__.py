"""DICOM folders in and out: scan, sort into volumes, read any slices, write series."""

from __future__ import annotations

from abdominal_oncology.imaging.dicom.headers import read_header
from abdominal_oncology.imaging.dicom.kinds import SeriesKind
from abdominal_oncology.imaging.dicom.reader import DicomReader
from abdominal_oncology.imaging.dicom.records import Header
from abdominal_oncology.imaging.dicom.scan import Patient, Scan, Series, SkippedFile, Study, Volume, scan_folder
from abdominal_oncology.imaging.dicom.stack import Stack
from abdominal_oncology.imaging.dicom.syntax import TransferSyntax
from abdominal_oncology.imaging.dicom.write import deterministic_uid, dicom_time, write_series, write_study

__all__ = [
    "DicomReader",
    "Header",
    "Patient",
    "Scan",
    "Series",
    "SeriesKind",
    "SkippedFile",
    "Stack",
    "Study",
    "TransferSyntax",
    "Volume",
    "deterministic_uid",
    "dicom_time",
    "read_header",
    "scan_folder",
    "write_series",
    "write_study",
]
