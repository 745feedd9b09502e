"""A manifest of what a folder holds: one row per volume, labelled where a label is told, each omission with its reason.

What tells a label is handed in (``miner``): this room knows tables and images, not clinical questions.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.learning.folder_contents import Facts, FoundVolume, LeftOut, PatientBy, find_volumes
from abdominal_oncology.learning.manifest import CaseRow, Manifest
from abdominal_oncology.progress import Progress, part, silent

_NOT_IN_NAMES = re.compile(r"[^\w.+-]+")


class Told(Protocol):
    """What a miner answers for one volume."""

    @property
    def label(self) -> str:
        """Empty where nothing tells it."""
        ...

    @property
    def reasons(self) -> tuple[str, ...]: ...

    @property
    def conflicts(self) -> tuple[str, ...]: ...


Miner = Callable[[Sequence[Facts]], Sequence[Told]]
"""Header facts of all volumes of one study → what they tell of each."""


@dataclass(frozen=True)
class ListedVolume:
    """One row of the table, and why it is labelled as it is."""

    row: CaseRow
    description: str
    label: str = ""
    reasons: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class FolderListing:
    """The manifest of a folder with an account of every volume in it."""

    manifest: Manifest
    volumes: tuple[ListedVolume, ...]
    left_out: tuple[LeftOut, ...]
    remarks: tuple[str, ...] = ()


def list_folder(
    folder: str | os.PathLike[str],
    table: str | os.PathLike[str],
    *,
    question: str,
    miner: Miner | None = None,
    modality: Modality | str = Modality.CT,
    role: str = "ct",
    patient_by: PatientBy | str = PatientBy.HEADER,
    workers: int = 1,
    progress: Progress = silent,
) -> FolderListing:
    """All volumes of ``modality`` below ``folder``, as ``table`` (the path of the CSV to be) would refer to them.

    DICOM series give one row per volume; NIfTI, NRRD and MetaImage files one row per file, whose patient is the first
    folder below ``folder`` or, right inside it, the file's own name.
    """
    root, base = Path(folder), Path(table).parent
    if not root.is_dir():
        raise MissingInputError("there is no such folder", where=root, remedy="choose a folder with scans")
    wanted, by = Modality(modality), PatientBy(patient_by)
    found = find_volumes(root, base, wanted, by, workers=workers, progress=part(progress, 0.0, 0.9))
    if not found.volumes:
        raise MissingInputError(
            f"there is no {wanted} volume here ({_counted(found.left_out)})",
            where=root,
            remedy=f"choose a folder with {wanted} scans",
        )
    progress(0.9, "reading labels")
    listed = _labelled(found.volumes, question, role, miner)
    manifest = Manifest(tuple(one.row for one in listed), base, Path(table).name)
    progress(1.0, "reading labels")
    return FolderListing(manifest, tuple(listed), tuple(found.left_out), _general_remarks(listed, by))


def _labelled(found: Sequence[FoundVolume], question: str, role: str, miner: Miner | None) -> list[ListedVolume]:
    by_study: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, one in enumerate(found):
        by_study[one.patient, one.study].append(index)
    told: dict[int, Told] = {}
    if miner is not None:
        for members in by_study.values():
            told.update(zip(members, miner([found[index].facts for index in members]), strict=True))
    names = _unique([_NOT_IN_NAMES.sub("-", one.name).strip("-") or "case" for one in found])
    listed = []
    for index, (one, name) in enumerate(zip(found, names, strict=True)):
        row = CaseRow(name, one.patient, one.study, {role: one.reference})
        volume = ListedVolume(row, str(one.facts.get("SeriesDescription") or ""), remarks=one.remarks)
        if index in told:
            answer = told[index]
            labels = {question: answer.label} if answer.label else {}
            volume = replace(
                volume,
                row=replace(row, labels=labels),
                label=answer.label,
                reasons=answer.reasons,
                conflicts=answer.conflicts,
            )
        listed.append(volume)
    return listed


def _unique(names: Sequence[str]) -> list[str]:
    """Names as they are, the second of a kind with ``-2`` …

    >>> _unique(["a", "b", "a", "a-2"])
    ['a', 'b', 'a-2', 'a-2-2']
    """
    taken: set[str] = set()
    result = []
    for name in names:
        count, chosen = 1, name
        while chosen in taken:
            count += 1
            chosen = f"{name}-{count}"
        taken.add(chosen)
        result.append(chosen)
    return result


def _general_remarks(listed: Sequence[ListedVolume], by: PatientBy) -> tuple[str, ...]:
    patients = {one.row.patient for one in listed}
    studies = {(one.row.patient, one.row.study) for one in listed if one.row.study}
    if by is PatientBy.HEADER and len(patients) == 1 and len(studies) > 1:
        text = (
            f"all {len(studies)} studies have one patient ID: if they are several patients, tell them apart by folder"
        )
        return (text,)
    return ()


def _counted(left_out: Sequence[LeftOut]) -> str:
    reasons = Counter(one.reason for one in left_out)
    return "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common(4)) or "no images at all"
