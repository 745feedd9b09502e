"""DICOM folders in and out: scan, sort into volumes, read any slices, write series."""

from __future__ import annotations

from abdominal_oncology.imaging.dicom.syntax import TransferSyntax
from abdominal_oncology.imaging.dicom.write import deterministic_uid, dicom_time, write_series, write_study

__all__ = ["TransferSyntax", "deterministic_uid", "dicom_time", "write_series", "write_study"]
