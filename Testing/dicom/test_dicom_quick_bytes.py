"""Headers put together byte by byte, as no writer would: the quick walk gives what pydicom gives, or nothing."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from abdominal_oncology.imaging.dicom.elements import plain_elements
from abdominal_oncology.imaging.dicom.quick_header import Wanted, quick_header
from abdominal_oncology.imaging.dicom.syntax import TransferSyntax

PIXELS = b"\xe0\x7f\x10\0OW\0\0\0\0\0\0"
IMPLICIT_PIXELS = b"\xe0\x7f\x10\0\0\0\0\0\0\0\0\0"
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
CHARACTER_SETS = (
    b"ISO_IR 192|ISO_IR 192\n| ISO_IR 100|\\ISO 2022 IR 87|GB18030|no such set|\xff|x\0y|ISO_IR 100\\GB18030|ISO_IR 6\\"
).split(b"|")
TEXT = st.text("0123456789.-+eE \\\0ab", max_size=20).map(lambda text: (text + " " * (len(text) % 2)).encode())


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    said = len(value) if length is None else length
    return (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + said.to_bytes(4, "little") + value


def explicit(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    said = len(value) if length is None else length
    size = b"\0\0" + said.to_bytes(4, "little") if vr in (b"SQ", b"UN", b"OB") else said.to_bytes(2, "little")
    return implicit(tag, b"")[:4] + vr + size + value


def file_of(body: bytes, syntax: TransferSyntax = TransferSyntax.IMPLICIT, more_meta: bytes = b"") -> bytes:
    uid = syntax.value.encode()
    meta = explicit(0x00020010, b"UI", uid + b"\0" * (len(uid) % 2)) + more_meta
    return b"\0" * 128 + b"DICM" + explicit(0x00020000, b"UL", len(meta).to_bytes(4, "little")) + meta + body


SIZE = implicit(0x00280010, b"\2\0") + implicit(0x00280011, b"\2\0") + IMPLICIT_PIXELS


@settings(max_examples=150, deadline=None)
@given(
    raw=TEXT | st.from_regex(rb"-?[0-9]{1,10}(\.[0-9]{0,6})?(\\-?[0-9]{1,3}){0,2}[ \x00]?", fullmatch=True),
    tag=st.sampled_from([0x00080018, 0x00080032, 0x00080022, 0x00200013, 0x00200032, 0x00180050, 0x00281052]),
)
def test_any_text_of_a_value_means_what_pydicom_says(raw: bytes, tag: int) -> None:
    element = RawDataElement(BaseTag(tag), None, len(raw), raw, 0, True, True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = plain_elements(Dataset({BaseTag(tag): element})) if raw else {}
        found = quick_header(file_of(implicit(tag, raw) + IMPLICIT_PIXELS), Wanted([tag])).values
    assert repr(found) == repr(wanted)


@pytest.mark.parametrize("name", CHARACTER_SETS)
def test_any_character_set_reads_the_same(same_both_ways: Callable[[bytes], bool], name: bytes) -> None:
    patient = implicit(0x00100010, "Yamada^Tarou=山田^太郎".encode())
    same_both_ways(file_of(implicit(0x00080005, name) + patient + SIZE))


@pytest.mark.parametrize("uid", [b"", b"1.2.3\0", b"1.2\\3 ", b"1.2.3 ", b"a\xe9"])
@pytest.mark.parametrize("tag", [0x00020002, 0x00020003])
def test_any_uid_of_the_file_reads_the_same(same_both_ways: Callable[[bytes], bool], uid: bytes, tag: int) -> None:
    assert same_both_ways(file_of(SIZE, more_meta=explicit(tag, b"UI", uid))) is (uid in (b"", b"1.2.3\0"))


@settings(max_examples=200, deadline=None)
@given(chance=st.randoms(use_true_random=False), plain=st.booleans())
def test_sequences_and_elements_in_any_order_read_the_same(
    same_both_ways: Callable[[bytes], bool], chance: random.Random, plain: bool
) -> None:
    def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
        return implicit(tag, value, length) if plain else explicit(tag, vr, value, length)

    def some(depth: int) -> bytes:
        return b"".join(one(depth) for _ in range(chance.randrange(0, 5)))

    def one(depth: int) -> bytes:
        if depth < 4 and chance.random() < 0.5:
            return sequence(depth)
        tag, vr = chance.choice(((0x00080060, b"CS"), (0x00200013, b"IS"), (0x00091001, b"UN"), (0x00100010, b"PN")))
        return element(tag, vr, bytes(chance.choice(b"CT1.\\ ^") for _ in range(chance.randrange(0, 6))))

    def sequence(depth: int) -> bytes:
        tag, vr = chance.choice(((0x00081140, b"SQ"), (0x00082112, b"SQ"), (0x00091002, b"UN")))
        body = some(depth + 1)
        item = (
            implicit(ITEM, body + implicit(ITEM_END, b""), 0xFFFFFFFF)
            if chance.random() < 0.5
            else implicit(ITEM, body)
        )
        if chance.random() < 0.5:
            return element(tag, vr, item + implicit(SEQUENCE_END, b""), 0xFFFFFFFF)
        return element(tag, vr, item)

    size = element(0x00280010, b"US", b"\2\0") + element(0x00280011, b"US", b"\2\0")
    syntax = TransferSyntax.IMPLICIT if plain else TransferSyntax.RAW
    same_both_ways(file_of(some(0) + size + (IMPLICIT_PIXELS if plain else PIXELS), syntax))
