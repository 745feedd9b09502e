"""What the DICOM header of a volume said, for volumes that Slicer itself has loaded.

Slicer's import keeps UIDs and little else; the rest is in the files, which its DICOM database finds as long as they
are there. Attributes called ``DICOM.<keyword>`` on the node come first: they travel with the scene.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import slicer

from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.scene.nodes import Node

_PREFIX = "DICOM."
_TIMES = ("AcquisitionTime", "ContentTime", "AcquisitionDateTime")
_PRIVATE = ("PatientName",)  # nothing here needs it


def header_of(node: Node, instances: Sequence[str]) -> dict[str, Any]:
    """Facts by DICOM keyword, as in ``Source.header``; ``instances`` are the UIDs of the volume's slices."""
    return {**_from_database(instances), **_from_attributes(node)}


def _from_attributes(node: Node) -> dict[str, Any]:
    names = [name for name in node.GetAttributeNames() if name.startswith(_PREFIX)]
    facts = {name.removeprefix(_PREFIX): node.GetAttribute(name) for name in names}
    return {name: value for name, value in facts.items() if name[:1].isupper() and name not in _PRIVATE and value}


def _from_database(instances: Sequence[str]) -> Mapping[str, Any]:
    """The header of the first slice, with the earliest times of the first and the last: which was scanned first
    depends on the scanner."""
    database = getattr(slicer, "dicomDatabase", None)
    if database is None or not instances:
        return {}
    ends = (_of_file(database.fileForInstance(uid)) for uid in (instances[0], instances[-1]))
    found = [facts for facts in ends if facts]
    if not found:
        return {}
    facts = {name: value for name, value in found[0].items() if name not in _PRIVATE}
    for name in _TIMES:
        times = [each[name] for each in found if each.get(name)]
        if times:
            facts[name] = min(times)
    return facts


def _of_file(path: str | None) -> Mapping[str, Any]:
    """A file that is gone or broken says nothing: the volume is in the scene and can be worked with."""
    if not path:
        return {}
    from abdominal_oncology.imaging.dicom.headers import read_header

    try:
        return read_header(path).facts
    except (AbdominalOncologyError, OSError):
        return {}
