"""Pixel bytes pass untouched, and nothing hides among them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from deidentify_planted import dirty_slice
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    MPEG2MPML,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from abdominal_oncology.errors import UnreadableFileError
from abdominal_oncology.imaging.deidentify import TABLE9, Pseudonymiser, rewrite_dataset

NAMES = Pseudonymiser(b"a key that is only for these tests")
SYNTAXES = {
    "jpeg": JPEGLosslessSV1,
    "jpeg lossy": JPEGExtended12Bit,
    "jpeg-ls": JPEGLSLossless,
    "jpeg 2000": JPEG2000Lossless,
}


def smooth() -> np.ndarray:
    row = np.arange(64)
    return (np.add.outer(row * row // 4, row * 9) % 4096).astype(np.uint16)


def stream(kind: str) -> bytes:
    codecs = pytest.importorskip("imagecodecs", reason="imagecodecs makes the compressed frames")
    if kind == "jpeg":
        return codecs.ljpeg_encode(smooth(), bitspersample=12)
    if kind == "jpeg lossy":
        return codecs.jpeg8_encode((smooth() >> 4).astype(np.uint8), level=95)
    if kind == "jpeg-ls":
        return codecs.jpegls_encode(smooth())
    return codecs.jpeg2k_encode(smooth(), codecformat="j2k", level=0, reversible=True, resolutions=4)


def dataset_with(kind: str, frame: bytes, frames: int = 1) -> Dataset:
    dataset = dirty_slice(Rows=64, Columns=64, PixelData=encapsulate([frame] * frames))
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = SYNTAXES[kind]
    return dataset


@pytest.mark.parametrize("kind", SYNTAXES)
def test_compressed_pixels_pass_untouched(kind: str) -> None:
    source = dataset_with(kind, stream(kind), frames=2)
    clean, _ = rewrite_dataset(source, TABLE9, NAMES)
    assert clean.PixelData == source.PixelData
    assert clean["PixelData"].is_undefined_length
    assert clean.file_meta.TransferSyntaxUID == SYNTAXES[kind]


def test_run_length_pixels_pass_untouched_and_decode() -> None:
    source = dirty_slice()
    voxels = source.pixel_array
    source.compress(RLELossless, generate_instance_uid=False)
    clean, _ = rewrite_dataset(source, TABLE9, NAMES)
    assert clean.PixelData == source.PixelData
    np.testing.assert_array_equal(clean.pixel_array, voxels)


def _comment(kind: str, text: bytes) -> bytes:
    marker, body = (b"\xff\x64", b"\0\1" + text) if kind == "jpeg 2000" else (b"\xff\xfe", text)
    return marker + (len(body) + 2).to_bytes(2, "big") + body


HIDING_PLACES: dict[str, Callable[[str, bytes], bytes]] = {
    "comment at the start": lambda kind, frame: frame[:2] + _comment(kind, b"Erika Mustermann") + frame[2:],
    "after the end": lambda kind, frame: frame + b"Erika Mustermann",
    "application data": lambda kind, frame: frame[:2] + b"\xff\xe1\0\x12Exif\0\0Mustermann" + frame[2:],
}


@pytest.mark.parametrize("kind", SYNTAXES)
@pytest.mark.parametrize("place", HIDING_PLACES)
def test_text_hidden_in_a_compressed_frame_is_refused(kind: str, place: str) -> None:
    if kind == "jpeg 2000" and place == "application data":
        pytest.skip("JPEG 2000 has no application segments")
    frame = HIDING_PLACES[place](kind, stream(kind))
    with pytest.raises(UnreadableFileError, match=r"text|end of a compressed") as refused:
        rewrite_dataset(dataset_with(kind, frame), TABLE9, NAMES)
    assert "Mustermann" not in str(refused.value)


def test_a_comment_between_the_scans_of_a_jpeg_is_found() -> None:
    frame = stream("jpeg lossy")
    with pytest.raises(UnreadableFileError, match="comment"):
        rewrite_dataset(dataset_with("jpeg lossy", frame[:-2] + _comment("jpeg", b"Erika") + frame[-2:]), TABLE9, NAMES)


def test_an_encoder_may_name_itself() -> None:
    frame = stream("jpeg 2000")
    named = frame[:2] + _comment("jpeg 2000", b"Created by OpenJPEG version 2.5.0") + frame[2:]
    clean, _ = rewrite_dataset(dataset_with("jpeg 2000", named), TABLE9, NAMES)
    assert next(generate_frames(clean.PixelData, number_of_frames=1)).startswith(named)


def test_surplus_bytes_after_the_last_pixel_are_cut_off() -> None:
    source = dirty_slice()
    pixels = source.PixelData
    source.PixelData = pixels + b"Erika Mustermann"
    clean, _ = rewrite_dataset(source, TABLE9, NAMES)
    assert clean.PixelData == pixels


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_pixels_of_any_depth_are_measured_right(bits: int) -> None:
    source = dirty_slice(Rows=3, Columns=5, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1)
    source.PixelData = bytes(range(15)) * (bits // 8) + b"\0" * (bits == 8)
    clean, _ = rewrite_dataset(source, TABLE9, NAMES)
    assert clean.PixelData == source.PixelData


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (dirty_slice(PixelData=b"\0" * 94), "cut short"),
        (dirty_slice(PixelData=None), "no pixel data"),
        (dirty_slice(Rows=None), "Rows"),
        (dirty_slice(NumberOfFrames=2), "cut short"),
    ],
)
def test_damaged_pixels_are_named(dataset: Dataset, reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=reason):
        rewrite_dataset(dataset, TABLE9, NAMES)


def test_missing_frames_and_moving_pictures_are_named() -> None:
    short = dataset_with("jpeg-ls", stream("jpeg-ls"))
    short.NumberOfFrames = 3
    with pytest.raises(UnreadableFileError):
        rewrite_dataset(short, TABLE9, NAMES)
    film = dirty_slice()
    film.file_meta.TransferSyntaxUID = MPEG2MPML
    with pytest.raises(UnreadableFileError, match="transfer syntax"):
        rewrite_dataset(film, TABLE9, NAMES)
