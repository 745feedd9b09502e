"""The bytes of one frame → stored values, whichever package at hand can do it.

imagecodecs is fastest; else pydicom with whatever plugins are installed; else SimpleITK, which is always there (also in
Slicer). All give the same numbers, which a test asserts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import MissingDependencyError, UnreadableFileError
from abdominal_oncology.imaging.dicom.records import PixelLayout
from abdominal_oncology.imaging.dicom.syntax import TransferSyntax

Backend = Callable[[bytes, PixelLayout], NDArray[Any] | None]
"""Decodes one compressed frame, or returns None when it cannot do this syntax here."""

_DECODER_ERRORS = (RuntimeError, ValueError, TypeError, OSError, NotImplementedError, IndexError, AttributeError)


def native_frame(data: bytes | memoryview, layout: PixelLayout) -> NDArray[Any]:
    """Uncompressed bytes as (rows, columns), without a copy; 8, 16 and 32 bits."""
    order = ">" if layout.transfer_syntax == TransferSyntax.BIG_ENDIAN else "<"
    values = np.frombuffer(data, np.dtype(f"{order}{_kind(layout)}"), count=layout.rows * layout.columns)
    return values.reshape(layout.rows, layout.columns)


def compressed_frame(
    data: bytes, layout: PixelLayout, where: str, backends: Sequence[Backend] | None = None
) -> NDArray[Any]:
    """Decode one frame with the first backend that can; raises UnreadableFileError when its data are damaged and
    MissingDependencyError when nothing here knows the syntax."""
    reason = ""
    for backend in default_backends() if backends is None else backends:
        try:
            values = backend(data, layout)
        except _DECODER_ERRORS as problem:
            reason = reason or f"{type(problem).__name__}: {problem}".splitlines()[0][:200]
            continue
        if values is None:
            continue
        if values.shape == (layout.rows, layout.columns):
            return values
        reason = (
            reason or f"the picture inside is {values.shape}, not {(layout.rows, layout.columns)} as the header says"
        )
    if reason:
        raise UnreadableFileError(
            f"the compressed pixel data cannot be decoded ({reason})", where=where, remedy="copy the file again"
        )
    raise MissingDependencyError(
        f"no decoder for transfer syntax {layout.transfer_syntax} is installed",
        where=where,
        remedy="pip install imagecodecs, or convert the series to uncompressed DICOM",
    )


def default_backends() -> tuple[Backend, ...]:
    return (decode_with_imagecodecs, decode_with_pydicom, decode_with_simpleitk)


def to_bits(values: NDArray[Any], layout: PixelLayout) -> NDArray[Any]:
    """Stored values with overlay bits masked and the sign extended from the highest stored bit."""
    unused_high, unused_low = layout.bits_allocated - 1 - layout.high_bit, layout.high_bit + 1 - layout.bits_stored
    if unused_high == 0 and unused_low == 0 and values.dtype == np.dtype(_kind(layout)):
        return values
    bits = np.dtype(f"u{layout.bits_allocated // 8}")
    raw = values if values.dtype.itemsize == bits.itemsize else values.astype(bits, casting="unsafe")
    raw = np.ascontiguousarray(raw).astype(raw.dtype.newbyteorder("="), copy=False)
    # up until the highest stored bit is the highest of all, then down again: the shift of a signed type keeps the sign
    shifted = np.left_shift(raw.view(bits), bits.type(unused_high)).view(np.dtype(_kind(layout)))
    values = np.right_shift(shifted, shifted.dtype.type(unused_high + unused_low))
    return values


def decode_with_imagecodecs(data: bytes, layout: PixelLayout) -> NDArray[Any] | None:
    codecs = _imagecodecs()
    if codecs is None:
        return None
    syntax = layout.transfer_syntax
    if syntax == TransferSyntax.RLE:
        stored_type = np.dtype(_kind(layout)).newbyteorder("<")
        values = np.frombuffer(codecs.dicomrle_decode(data, stored_type), stored_type)
        return _shaped(values[: layout.rows * layout.columns], layout)
    if syntax in (TransferSyntax.JPEG_LS, TransferSyntax.JPEG_LS_NEAR):
        return _shaped(codecs.jpegls_decode(data), layout)
    if syntax in (TransferSyntax.JPEG_2000, TransferSyntax.JPEG_2000_LOSSY):
        return _shaped(codecs.jpeg2k_decode(data, numthreads=1), layout)
    if syntax in (TransferSyntax.HTJ2K, TransferSyntax.HTJ2K_RPCL, TransferSyntax.HTJ2K_LOSSY):
        return _shaped(codecs.jpeg2k_decode(data, numthreads=1), layout)
    if syntax in (
        TransferSyntax.JPEG_LOSSLESS,
        TransferSyntax.JPEG_LOSSLESS_14,
        TransferSyntax.JPEG_BASELINE,
        TransferSyntax.JPEG_EXTENDED,
    ):
        return _shaped(_jpeg(codecs, data), layout)
    return None


def _jpeg(codecs: ModuleType, data: bytes) -> NDArray[Any]:
    values: NDArray[Any]
    try:
        values = codecs.jpeg8_decode(data)  # libjpeg-turbo 3: twice as fast as the others
    except RuntimeError:
        values = codecs.ljpeg_decode(data)
    return values


def decode_with_pydicom(data: bytes, layout: PixelLayout) -> NDArray[Any] | None:
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    try:
        decoder = get_decoder(UID(layout.transfer_syntax))
    except NotImplementedError:
        return None
    if not decoder.is_available:
        return None
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.signed),
        "photometric_interpretation": layout.photometric,
        "pixel_keyword": "PixelData",
        "apply_j2k_sign_correction": False,
    }
    values, _ = decoder.as_array(encapsulate([data]), index=0, raw=True, **options)
    return _shaped(values, layout)


def decode_with_simpleitk(data: bytes, layout: PixelLayout) -> NDArray[Any] | None:
    """Through a small file of its own, without rescale, so that GDCM gives back stored values."""
    import SimpleITK
    from pydicom.encaps import encapsulate
    from pydicom.filewriter import dcmwrite

    from abdominal_oncology.imaging.dicom.carrier import carrier_dataset

    carrier = carrier_dataset(layout, encapsulate([data]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.dcm"
        dcmwrite(path, carrier, enforce_file_format=True)
        reader = SimpleITK.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        values: NDArray[Any] = SimpleITK.GetArrayFromImage(reader.Execute())
    return _shaped(values, layout)


def _imagecodecs() -> ModuleType | None:
    try:
        import imagecodecs
    except ImportError:
        return None
    module: ModuleType = imagecodecs
    return module


def _kind(layout: PixelLayout) -> str:
    return f"{'i' if layout.signed else 'u'}{layout.bits_allocated // 8}"


def _shaped(values: Any, layout: PixelLayout) -> NDArray[Any]:
    array = np.asarray(values).squeeze()
    return array.reshape(layout.rows, layout.columns) if array.size == layout.rows * layout.columns else array
