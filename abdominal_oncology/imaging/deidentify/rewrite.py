"""One dataset in, one new dataset out, holding only what a profile names."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import correct_ambiguous_vr_element
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from abdominal_oncology import __version__
from abdominal_oncology.errors import UnreadableFileError
from abdominal_oncology.imaging.deidentify.clock import Clock
from abdominal_oncology.imaging.deidentify.codes import SOP_CLASSES
from abdominal_oncology.imaging.deidentify.keys import Pseudonymiser
from abdominal_oncology.imaging.deidentify.pixels import TRANSFER_SYNTAXES, checked_pixel_bytes, refuse_unfit
from abdominal_oncology.imaging.deidentify.rules import Action, Profile, Rule

SOFTWARE = f"AbdominalOncology {__version__}"
BAD_VALUE_ERRORS = (ValueError, TypeError, KeyError, AttributeError, NotImplementedError, OverflowError, struct.error)
"""What pydicom raises, depending on the attribute, for a value that cannot be read."""

_IMPLEMENTATION_UID = "2.25.261037446029847610935870229846273465711"
_PIXEL_DATA = Tag("PixelData")
_ESSENTIAL = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "Rows", "Columns"),
    *("BitsAllocated", "PixelRepresentation", "PhotometricInterpretation"),
)


@dataclass
class Trace:
    """What happened to the attributes of one or more datasets: keyword → in how many places."""

    actions: dict[str, Counter[str]] = field(default_factory=dict)
    removed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def did(self, action: Action, keyword: str) -> None:
        self.actions.setdefault(action.value, Counter())[keyword] += 1

    def add(self, other: Trace) -> None:
        for action, counts in other.actions.items():
            self.actions.setdefault(action, Counter()).update(counts)
        self.removed.update(other.removed)
        self.refused.update(other.refused)


def rewrite_dataset(
    source: Dataset, profile: Profile, names: Pseudonymiser, clock: Clock | None = None
) -> tuple[Dataset, Trace]:
    """The de-identified dataset, ready to be saved with ``enforce_file_format=True``, and what was done.

    ``source`` needs its file meta (transfer syntax). Without ``clock`` times are removed whatever the profile says.
    Raises :class:`WrongModalityError` for objects refused on purpose, :class:`UnreadableFileError` for damaged ones; no
    message holds a value of the dataset.
    """
    try:
        refuse_unfit(source)
        syntax = source.file_meta.TransferSyntaxUID
        if syntax not in TRANSFER_SYNTAXES:
            raise UnreadableFileError("its transfer syntax is private or not one for still pictures")
        writer = _Writer(source, names, clock if profile.keeps_offsets else None)
        target = writer.level(source, profile.rules)
        for keyword in _ESSENTIAL:
            if keyword not in target:
                raise UnreadableFileError(f"{keyword} is missing or makes no sense")
        native_vr = "OW" if target.BitsAllocated > 8 or syntax.is_implicit_VR else "OB"
        pixels = DataElement(_PIXEL_DATA, "OB" if syntax.is_compressed else native_vr, checked_pixel_bytes(source))
    except BAD_VALUE_ERRORS as error:
        raise UnreadableFileError(f"an attribute that is needed cannot be read ({type(error).__name__})") from error
    pixels.is_undefined_length = syntax.is_encapsulated
    target[_PIXEL_DATA] = pixels
    _fill(target, profile.rules, SOP_CLASSES[target.SOPClassUID])
    _say_how(target, profile, clock)
    target.file_meta = FileMetaDataset()
    target.file_meta.MediaStorageSOPClassUID = target.SOPClassUID
    target.file_meta.MediaStorageSOPInstanceUID = target.SOPInstanceUID
    target.file_meta.TransferSyntaxUID = syntax
    target.file_meta.ImplementationClassUID = UID(_IMPLEMENTATION_UID)
    target.file_meta.ImplementationVersionName = f"ABDONC_{__version__}"[:16]
    target.preamble = b"\0" * 128
    return target, writer.trace


class _Writer:
    def __init__(self, top: Dataset, names: Pseudonymiser, clock: Clock | None) -> None:
        self._top, self._names, self._clock = top, names, clock
        self.trace = Trace()

    def level(self, source: Dataset, rules: tuple[Rule, ...]) -> Dataset:
        """A new dataset (or sequence item) with what the rules let pass."""
        target = Dataset()
        named = set()
        for rule in rules:
            tag = Tag(rule.keyword)
            named.add(tag)
            if tag not in source:
                continue
            value = self._passing(source, tag, rule)
            if value is None:
                if not _is_empty(source, tag):
                    self.trace.refused[rule.keyword] += 1
                continue
            self.trace.did(rule.action, rule.keyword)
            if tag != _PIXEL_DATA:  # looked at and put in place by itself
                target[tag] = value
        for tag in source.keys() - named:
            self.trace.removed[_name_of(tag)] += 1
        return target

    def _passing(self, source: Dataset, tag: BaseTag, rule: Rule) -> DataElement | None:
        vr = dictionary_VR(tag)
        if rule.action is Action.EMPTY:
            return DataElement(tag, vr, None)
        try:
            element: Any = source[tag]
            if " or " in element.VR and tag != _PIXEL_DATA:
                element = correct_ambiguous_vr_element(
                    element, self._top, self._top.file_meta.TransferSyntaxUID.is_little_endian
                )
            if element.VR not in {vr, *vr.split(" or ")}:
                return None  # a name dressed up as a number, say
            value = self._value(element, rule)
        except BAD_VALUE_ERRORS:
            return None
        return None if value is None else DataElement(tag, element.VR, value)

    def _value(self, element: DataElement, rule: Rule) -> Any | None:
        value = element.value
        if rule.action is Action.NEST:
            return Sequence([self.level(item, rule.nested) for item in value])
        if element.is_empty:
            return None
        if rule.check is not None:
            return rule.check.admit(value)
        if rule.action is Action.HASH_UID:
            return self._names.uid(str(value)) if str(value).strip("\0 ") else None
        if rule.action is Action.PSEUDONYM:
            return self._names.patient(str(value), str(self._top.get("IssuerOfPatientID") or ""))
        return self._clock.offset(self._top, rule.keyword, value) if self._clock else None


def _fill(target: Dataset, rules: tuple[Rule, ...], kind: str) -> None:
    for rule in rules:
        if rule.present_for & {kind, "*"} and rule.keyword not in target:
            setattr(target, rule.keyword, None)


def _say_how(target: Dataset, profile: Profile, clock: Clock | None) -> None:
    target.PatientIdentityRemoved = "YES"
    offsets = profile.keeps_offsets and clock is not None
    target.DeidentificationMethod = [
        f"{SOFTWARE}, allow-list {profile.name}"[:64],
        "times are seconds since the study's first event" if offsets else "dates and times removed",
    ]
    target.LongitudinalTemporalInformationModified = "MODIFIED" if offsets else "REMOVED"
    codes = []
    for value, meaning in profile.method_codes.items():
        if value == "113107" and not offsets:
            continue
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
        codes.append(code)
    target.DeidentificationMethodCodeSequence = Sequence(codes)


def _is_empty(source: Dataset, tag: BaseTag) -> bool:
    raw: Any = source.get_item(tag)
    return raw.value in (None, b"", "")


def _name_of(tag: BaseTag) -> str:
    """A tag's dictionary keyword; private ones are counted together, since their names may be telling."""
    tag = Tag(tag)
    return "private" if tag.is_private else keyword_for_tag(tag) or f"({tag.group:04X},{tag.element:04X})"
