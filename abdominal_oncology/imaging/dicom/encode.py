"""One slice of stored values → the bytes of one frame, for the writer."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, MissingDependencyError
from abdominal_oncology.imaging.dicom.syntax import TransferSyntax

FrameEncoder = Callable[[NDArray[Any]], bytes]


def frame_encoder(syntax: TransferSyntax, bits_stored: int) -> FrameEncoder:
    """A lossless encoder of (rows, columns) int16 or uint16 slices; encapsulated syntaxes only."""
    if syntax is TransferSyntax.RLE:
        return _encode_rle
    codecs = _imagecodecs(syntax)
    if syntax is TransferSyntax.JPEG_LS:
        return lambda frame: bytes(codecs.jpegls_encode(_as_unsigned(frame)))
    if syntax is TransferSyntax.JPEG_LOSSLESS:
        return lambda frame: bytes(
            codecs.jpeg8_encode(_as_unsigned(frame), lossless=True, predictor=1, bitspersample=bits_stored)
        )
    if syntax is TransferSyntax.JPEG_2000:
        return lambda frame: bytes(
            codecs.jpeg2k_encode(frame, level=0, reversible=True, codecformat="j2k", bitspersample=bits_stored)
        )
    raise InvalidInputError(
        f"{syntax.name} cannot be written",
        remedy="choose raw, implicit, deflated, rle, jpeg-ls, jpeg-lossless or jpeg-2000",
    )


def _imagecodecs(syntax: TransferSyntax) -> ModuleType:
    try:
        import imagecodecs
    except ImportError as missing:
        raise MissingDependencyError(
            f"writing {syntax.name} DICOM needs the package imagecodecs",
            remedy="pip install imagecodecs, or write raw or rle",
        ) from missing
    module: ModuleType = imagecodecs
    return module


def _as_unsigned(frame: NDArray[Any]) -> NDArray[Any]:
    """JPEG knows no sign: the two's complement bits are stored as they are, as DICOM asks."""
    return frame.view(np.uint16)


def _encode_rle(frame: NDArray[Any]) -> bytes:
    """PS3.5 annex G: the high bytes, then the low bytes, each row PackBits-coded on its own."""
    little = np.ascontiguousarray(frame).astype(frame.dtype.newbyteorder("<"), copy=False).view(np.uint8)
    planes = little.reshape(*frame.shape, 2)
    segments = [b"".join(_pack_bits(row) for row in planes[:, :, byte]) for byte in (1, 0)]
    segments = [segment + b"\x00" * (len(segment) % 2) for segment in segments]
    header = np.zeros(16, "<u4")
    header[:3] = (2, 64, 64 + len(segments[0]))
    return header.tobytes() + b"".join(segments)


def _pack_bits(row: NDArray[np.uint8]) -> bytes:
    """Runs of three or more equal bytes as a run, everything between as literals of at most 128 bytes."""
    starts = np.flatnonzero(np.concatenate(([True], row[1:] != row[:-1])))
    lengths = np.diff(np.append(starts, row.size))
    long = np.flatnonzero(lengths >= 3)
    data, packed, position = row.tobytes(), bytearray(), 0
    for start, length in zip(starts[long].tolist(), lengths[long].tolist(), strict=True):
        _literals(packed, data[position:start])
        for done in range(0, length, 128):
            run = min(128, length - done)
            if run == 1:  # a run of one has no code of its own
                packed += bytes((0, data[start]))
            else:
                packed += bytes((257 - run, data[start]))
        position = start + length
    _literals(packed, data[position:])
    return bytes(packed)


def _literals(packed: bytearray, data: bytes) -> None:
    for start in range(0, len(data), 128):
        chunk = data[start : start + 128]
        packed.append(len(chunk) - 1)
        packed += chunk
