"""Read one file's header and stop before its pixels."""

from __future__ import annotations

import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BufferedReader, BytesIO, RawIOBase
from os import PathLike, fspath, fstat
from typing import BinaryIO

from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.tag import BaseTag

from abdominal_oncology.errors import MissingInputError, UnreadableFileError
from abdominal_oncology.imaging.dicom.elements import Values, plain_elements
from abdominal_oncology.imaging.dicom.facts import HEADER_FACTS
from abdominal_oncology.imaging.dicom.kinds import VOLUME_CLASSES
from abdominal_oncology.imaging.dicom.multiframe import Macros, facts_of, frames_of, functional_groups
from abdominal_oncology.imaging.dicom.paths import open_path
from abdominal_oncology.imaging.dicom.plane import single_frame, whole
from abdominal_oncology.imaging.dicom.quick_header import ENDS, Wanted, quick_header
from abdominal_oncology.imaging.dicom.records import Frame, Header, PixelLayout
from abdominal_oncology.imaging.dicom.syntax import NATIVE_SYNTAXES, TransferSyntax

NOT_DICOM = "this is not a DICOM file"

_PIXEL_REPRESENTATIONS = (b"OB", b"OW", b"OF", b"OD", b"UN")  # as a length each would be odd, which none is
_UNDEFINED_LENGTH = 0xFFFFFFFF
_NEEDED = (
    *HEADER_FACTS,
    "SOPClassUID",
    "SOPInstanceUID",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
_NEEDED_TAGS = [BaseTag(tag) for tag in map(tag_for_keyword, _NEEDED) if tag is not None]
_WANTED = Wanted([*_NEEDED_TAGS])
_FIRST_BYTES = 1 << 15
_MORE_BYTES = 1 << 20
_PARSE_ERRORS = (
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    NotImplementedError,
    BytesLengthException,
    struct.error,
    zlib.error,
)


def read_header(path: str | PathLike[str]) -> Header:
    """The header of a DICOM file; raises UnreadableFileError with the reason where it has none."""
    name = fspath(path)
    try:
        with open_path(name).open("rb", buffering=0) as file:
            status = fstat(file.fileno())
            return _parse(file, name, status.st_size, status.st_mtime_ns, None)
    except FileNotFoundError as missing:
        raise MissingInputError("there is no such file", where=name) from missing
    except OSError as problem:
        raise UnreadableFileError(
            f"the file cannot be opened: {problem.strerror or problem}", where=name, remedy="check its permissions"
        ) from problem


def read_header_from_memory(data: bytes | Dataset, name: str) -> Header:
    """The header of a whole DICOM file held as bytes, or of a pydicom data set; ``name`` is used in messages."""
    if isinstance(data, Dataset):
        stream = BytesIO()
        _with_meta(data).save_as(stream, enforce_file_format=True)
        data = stream.getvalue()
    return _parse(BytesIO(data), name, len(data), 0, data)


def _with_meta(data: Dataset) -> Dataset:
    """A data set that never was a file has no transfer syntax yet; its pixels are then as numpy wrote them."""
    if getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", None):
        return data
    copy = FileDataset("", data, preamble=b"\0" * 128)
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    copy.file_meta = FileMetaDataset()
    copy.file_meta.TransferSyntaxUID = UID(TransferSyntax.RAW.value)
    return copy


@dataclass(frozen=True, slots=True)
class _Found:
    """What a header is made from, however it was read. ``pixels``: (None, -1) when they lie in a deflated stream."""

    values: Values
    meta_class: str
    instance_uid: str
    transfer_syntax: str
    pixels: tuple[int | None, int]
    lookup_table: bool = False
    groups: list[Macros] | None = None


def _quick(stream: RawIOBase | BytesIO) -> _Found | None:
    """The header of a plainly laid out file; None: pydicom shall see to it."""
    start = stream.read(_FIRST_BYTES) or b""
    for more in (_MORE_BYTES, 0):
        try:
            quick = quick_header(start, _WANTED)
        except EOFError:
            if not more or len(start) < _FIRST_BYTES:
                return None
            start += stream.read(more) or b""
        except _PARSE_ERRORS:
            return None
        else:
            return _Found(
                values=quick.values,
                meta_class=quick.meta_class,
                instance_uid=str(quick.values.get("SOPInstanceUID") or quick.meta_instance),
                transfer_syntax=quick.transfer_syntax,
                pixels=_pixel_element(start[quick.end : quick.end + 12], quick.end, False),
            )
    return None


def _parse(stream: RawIOBase | BytesIO, name: str, size: int, mtime_ns: int, memory: bytes | None) -> Header:
    if size == 0:
        raise UnreadableFileError("the file is empty", where=name, remedy="copy it again from its source")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's remarks on odd values; what matters is checked below
            return _to_header(_quick(stream) or _through_pydicom(stream), name, size, mtime_ns, memory)
    except InvalidDicomError as problem:
        raise UnreadableFileError(NOT_DICOM, where=name, remedy="leave it out") from problem
    except (*_PARSE_ERRORS, OSError) as problem:
        if isinstance(problem, OSError) and problem.errno is not None:
            raise  # the disk's trouble; pydicom's own, about a sequence cut off, has no number
        raise UnreadableFileError(
            f"the DICOM header is damaged or cut off ({problem})", where=name, remedy="copy the file again"
        ) from problem


def _through_pydicom(raw: RawIOBase | BytesIO) -> _Found:
    raw.seek(0)
    stream: BinaryIO = raw if isinstance(raw, BytesIO) else BufferedReader(raw, 1 << 16)
    data = dcmread(stream, stop_before_pixels=True, specific_tags=_NEEDED_TAGS, force=_lacks_preamble(stream))
    meta, values = data.file_meta, plain_elements(data)
    guess = TransferSyntax.IMPLICIT if data.original_encoding[0] else TransferSyntax.RAW
    syntax = str(meta.get("TransferSyntaxUID") or guess.value)
    pixels: tuple[int | None, int] = (None, -1)
    if syntax != TransferSyntax.DEFLATED:
        at = stream.tell()
        pixels = _pixel_element(stream.read(12), at, syntax == TransferSyntax.BIG_ENDIAN)
    return _Found(
        values=values,
        meta_class=str(meta.get("MediaStorageSOPClassUID") or ""),
        instance_uid=str(values.get("SOPInstanceUID") or meta.get("MediaStorageSOPInstanceUID") or ""),
        transfer_syntax=syntax,
        pixels=pixels,
        lookup_table="ModalityLUTSequence" in data,
        groups=functional_groups(data) if "PerFrameFunctionalGroupsSequence" in data else None,
    )


def _lacks_preamble(stream: BinaryIO) -> bool:
    """Old files begin with their first element, of group 8, instead of 128 bytes and ``DICM``."""
    start = stream.read(132)
    stream.seek(0)
    return start[:2] == b"\x08\x00" and start[128:] != b"DICM"


def _to_header(found: _Found, name: str, size: int, mtime_ns: int, memory: bytes | None) -> Header:
    values = found.values
    facts = {key: values[key] for key in HEADER_FACTS if key in values}
    pixels = _pixel_layout(found)
    frames: tuple[Frame, ...] = ()
    if found.groups is not None:
        image_type = values.get("ImageType", [])
        frames = frames_of(found.groups, image_type if isinstance(image_type, list) else [image_type])
        facts = facts_of(found.groups) | facts
    elif pixels is not None:
        frames = (single_frame(values),) if pixels.frames == 1 else ()
    sop_class = str(values.get("SOPClassUID") or found.meta_class)
    if pixels is None and (not sop_class or VOLUME_CLASSES & {sop_class, found.meta_class}):
        raise UnreadableFileError(
            "the header does not say how large the picture is (cut off while copying?)",
            where=name,
            remedy="copy the file again from its source",
        )
    return Header(
        path=name,
        size=size,
        mtime_ns=mtime_ns,
        sop_class_uid=sop_class,
        instance_uid=found.instance_uid,
        patient_id=str(facts.get("PatientID", "")),
        patient_name=str(facts.get("PatientName", "")),
        study_uid=str(facts.get("StudyInstanceUID", "")),
        series_uid=str(facts.get("SeriesInstanceUID", "")),
        frame_of_reference_uid=str(facts.get("FrameOfReferenceUID", "")),
        modality=str(facts.get("Modality", "")),
        instance_number=whole(values, "InstanceNumber", 0),
        pixels=pixels,
        frames=frames,
        facts=facts,
        memory=memory,
        trouble=_trouble(found.lookup_table, pixels, len(frames), size),
    )


def _pixel_layout(found: _Found) -> PixelLayout | None:
    values = found.values
    if min(whole(values, "Rows", 0), whole(values, "Columns", 0)) < 1:
        return None
    allocated = whole(values, "BitsAllocated", 16)
    stored = whole(values, "BitsStored", allocated)
    return PixelLayout(
        transfer_syntax=found.transfer_syntax,
        rows=whole(values, "Rows", 0),
        columns=whole(values, "Columns", 0),
        frames=max(1, whole(values, "NumberOfFrames", 1)),
        samples=whole(values, "SamplesPerPixel", 1),
        photometric=str(values.get("PhotometricInterpretation", "MONOCHROME2")),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=whole(values, "HighBit", stored - 1),
        signed=bool(whole(values, "PixelRepresentation", 0)),
        padding=_padding(values, "PixelPaddingValue"),
        padding_limit=_padding(values, "PixelPaddingRangeLimit"),
        offset=found.pixels[0],
        length=found.pixels[1],
    )


def _padding(values: Values, keyword: str) -> int | None:
    value = values.get(keyword)
    return value if isinstance(value, int) else None


def _pixel_element(head: bytes, start: int, big_endian: bool) -> tuple[int, int]:
    """Where the pixel data value begins and how long it says it is (-1: until its end mark); (-1, -1) when the file
    ends before it. Whether the value representation is written is seen from the bytes, for headers lie about it."""
    order = ">" if big_endian else "<"
    if len(head) < 12:
        return -1, -1
    group, element = struct.unpack(f"{order}HH", head[:4])
    if (group << 16 | element) not in ENDS:
        return -1, -1
    implicit = head[4:6] not in _PIXEL_REPRESENTATIONS
    length = struct.unpack(f"{order}L", head[4:8] if implicit else head[8:12])[0]
    return start + (8 if implicit else 12), -1 if length == _UNDEFINED_LENGTH else int(length)


def _trouble(lookup_table: bool, pixels: PixelLayout | None, described: int, size: int) -> str:
    """Why the pixels of a readable header cannot be had, or nothing."""
    if pixels is None:
        return ""
    if pixels.offset == -1:
        return "the file ends before its pixel data (cut off while copying?)"
    if described and described != pixels.frames:
        return f"it holds {pixels.frames} frames but describes {described}"
    if lookup_table:
        return "its values go through a modality lookup table, which is not supported"
    if not pixels.bits_stored - 1 <= pixels.high_bit < pixels.bits_allocated or pixels.bits_stored < 1:
        return (
            f"BitsAllocated {pixels.bits_allocated}, BitsStored {pixels.bits_stored} and HighBit {pixels.high_bit} "
            "contradict each other"
        )
    if pixels.offset is None:
        return ""
    if pixels.length < 0:
        native = pixels.transfer_syntax in NATIVE_SYNTAXES
        return "its pixel data are compressed although its transfer syntax says they are not" if native else ""
    if pixels.transfer_syntax not in NATIVE_SYNTAXES:
        return "its pixel data are not compressed although its transfer syntax says they are"
    wanted = pixels.frame_bytes * pixels.frames
    there = min(pixels.length, size - pixels.offset)
    if there < wanted:
        return f"truncated: {wanted} bytes of pixel data expected, {there} there"
    return ""
