"""Which pictures may pass, and that nothing rides along in their pixel bytes. The bytes themselves are not changed."""

from __future__ import annotations

import re
from typing import Any

from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from abdominal_oncology.errors import UnreadableFileError, WrongModalityError
from abdominal_oncology.imaging.deidentify.codes import PHOTOMETRIC, SOP_CLASSES

_NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
_RUN_LENGTH = (uid.RLELossless,)
_JPEG = (*uid.JPEGTransferSyntaxes, *uid.JPEGLSTransferSyntaxes)
_JPEG2000 = (*uid.JPEG2000TransferSyntaxes, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K)
TRANSFER_SYNTAXES = frozenset((*_NATIVE, *_RUN_LENGTH, *_JPEG, *_JPEG2000))

_TELLTALE = ("SCREEN", "DOSE", "REPORT", "CAPTURE", "PASTED", "PROTOCOL", "SNAPSHOT")
_ENCODER_NOTE = re.compile(
    rb"(Created by OpenJPEG version [\d.]+|Kakadu-[\w.]+|Kdu-Layer-Info:[ -~\s]{0,400}|Created by Aware[\w ,.]{0,40}"
    rb"|LEAD Technologies[\w ,.]{0,30}|JasPer Version [\d.]+|Intel\(R\) IPP[\w ,.]{0,40}|IJG[\w ,.]{0,20}"
    rb"|Created by: FFmpeg[\w ,.]{0,20}|Grok[\w ,.]{0,20})?\0*"
)
_APPLICATION_NOTES = (b"JFIF\0", b"Adobe", b"SPIFF\0", b"mrfx")
_SPIFF_END = b"\0\0\0\1\xff\xd8"  # a SPIFF header's last entry, which JPEG-LS encoders write
_BARE_MARKERS = frozenset({0x01, 0x4F, 0x92, *range(0xD0, 0xD9)})  # no length follows: TEM, SOC, EPH, RSTn, SOI


def refuse_unfit(dataset: Dataset) -> None:
    """Raise :class:`WrongModalityError` for an object that may carry writing, or that is no CT or MR picture."""
    sop_class = uid.UID(str(dataset.get("SOPClassUID") or ""))
    if sop_class not in SOP_CLASSES:
        known = sop_class.name if sop_class.name != sop_class else "an unknown kind of object"
        raise WrongModalityError(f"not a CT or MR image: {known}")
    if str(dataset.get("BurnedInAnnotation") or "NO").strip().upper() != "NO":
        raise WrongModalityError("writing is burned into the picture (Burned In Annotation)")
    if "ConversionType" in dataset:
        raise WrongModalityError("a secondary capture: it may have writing in the picture")
    image_type = dataset.get("ImageType") or ()
    words = " ".join([image_type] if isinstance(image_type, str) else map(str, image_type)).upper()
    if any(word in words for word in _TELLTALE):
        raise WrongModalityError("a screen save, dose sheet or the like: it may have writing in the picture")
    if dataset.get("PhotometricInterpretation", "MONOCHROME2") not in PHOTOMETRIC:
        raise WrongModalityError("a colour picture: CT and MR slices are grey, colour means a capture")
    if "ModalityLUTSequence" in dataset:
        raise WrongModalityError("its values need a look-up table that is not kept; convert it to rescale slope first")
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0102) in dataset and (group, 0x3000) not in dataset:
            raise WrongModalityError("an overlay is drawn inside the unused bits of its pixels")


def checked_pixel_bytes(dataset: Dataset) -> bytes:
    """The pixel bytes of a dataset whose transfer syntax is known; surplus after the last pixel is cut off.

    Raises :class:`UnreadableFileError` where bytes are missing or a text is hidden among them.
    """
    pixels = dataset.get("PixelData")
    if not isinstance(pixels, bytes) or not pixels:
        raise UnreadableFileError("there is no pixel data")
    frames = int(dataset.get("NumberOfFrames") or 1)
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in _NATIVE:
        bits = int(dataset.Rows) * int(dataset.Columns) * frames * int(dataset.BitsAllocated)
        length = (bits + 7) // 8
        if len(pixels) < length:
            raise UnreadableFileError("the pixel data is cut short")
        return pixels[:length] + b"\0" * (length % 2)
    count = 0
    for frame in generate_frames(pixels, number_of_frames=frames):
        count += 1
        if syntax in _JPEG or syntax in _JPEG2000:
            _refuse_comments(frame, scan_data=rb"\xff[\xc0-\xcf\xd8-\xfe]" if syntax in _JPEG else rb"\xff[\x90-\xff]")
    if count != frames:
        raise UnreadableFileError("the pixel data has fewer frames than its header says")
    return pixels


def _refuse_comments(stream: bytes, scan_data: bytes) -> None:
    """Walk a JPEG, JPEG-LS or JPEG 2000 stream marker by marker; ``scan_data`` finds the next one after coded data."""
    if stream[:2] not in (b"\xff\xd8", b"\xff\x4f"):
        raise UnreadableFileError("a compressed frame does not begin as its transfer syntax says")
    seek: Any = re.compile(scan_data, re.DOTALL).search
    position = 0
    while position + 2 <= len(stream):
        if stream[position] != 0xFF:
            raise UnreadableFileError("a compressed frame is damaged")
        marker = stream[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        position += 2
        if marker == 0xD9:
            if stream[position:].strip(b"\0\xff"):
                raise UnreadableFileError("something follows the end of a compressed frame")
            return
        if marker in _BARE_MARKERS:
            continue
        if marker != 0x93:  # JPEG 2000's start of data has no length either, but data follows it
            length = int.from_bytes(stream[position : position + 2], "big")
            _refuse_text(marker, stream[position + 2 : position + length])
            position += max(length, 2)
        if marker in (0x93, 0xDA):
            following = seek(stream, position)
            if following is None:
                return
            position = following.start()


def _refuse_text(marker: int, body: bytes) -> None:
    harmless = body == _SPIFF_END or (body.startswith(_APPLICATION_NOTES) and len(body) <= 64)
    if 0xE0 <= marker <= 0xEF and not harmless:
        raise UnreadableFileError("application data inside the compressed pixels may hold text")
    comment = body if marker == 0xFE else body[2:] if marker == 0x64 else b""  # JPEG 2000 says first what kind it is
    if not _ENCODER_NOTE.fullmatch(comment):
        raise UnreadableFileError("a comment inside the compressed pixels may hold text")
