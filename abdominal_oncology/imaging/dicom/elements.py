"""All elements needed from one header, as plain values by keyword; what repeats from file to file is converted once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.tag import BaseTag

from abdominal_oncology.imaging.dicom.facts import plain_value

_CHARACTER_SET = BaseTag(0x00080005)
_DEPEND_ON_OTHERS = ("PixelPaddingValue", "PixelPaddingRangeLimit")
"""Signed or not as PixelRepresentation says: pydicom must see the whole data set."""
_LONGEST_SHARED = 256
_NUMERIC = frozenset({"DS", "IS", "FD", "FL", "US", "SS", "UL", "SL"})
_CONVERSION_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    BytesLengthException,
)


def plain_elements(data: Dataset) -> dict[str, Any]:
    """Keyword → str, int, float or list for every element but sequences; what is empty or garbled is left out."""
    charset = _character_set(data)
    values: dict[str, Any] = {}
    for tag in data.keys():  # noqa: SIM118 - iterating a Dataset itself converts every element
        keyword = _keyword(tag)
        value = _plain_element(data, tag, keyword, charset)
        if value is not None:
            values[keyword] = list(value) if isinstance(value, tuple) else value
    return values


def _plain_element(data: Dataset, tag: BaseTag, keyword: str, charset: tuple[str, ...]) -> Any:
    raw = data.get_item(tag)
    if isinstance(raw, RawDataElement) and keyword not in _DEPEND_ON_OTHERS:
        if raw.VR == "SQ" or not isinstance(raw.value, bytes):
            return None
        return plain_bytes(int(tag), raw.VR, raw.value, raw.is_implicit_VR, raw.is_little_endian, charset)
    try:
        element = data[tag]
        return None if element.VR == "SQ" else plain_value(element.value)
    except _CONVERSION_ERRORS:
        return None


def plain_bytes(
    tag: int, vr: str | None, value: bytes, implicit: bool, little_endian: bool, charset: tuple[str, ...]
) -> Any:
    """The plain value of one element's bytes (several: a tuple), or None where it is empty or garbled."""
    convert = _shared_conversion if len(value) <= _LONGEST_SHARED else _converted
    return convert(tag, vr, value, implicit, little_endian, charset)


def _converted(
    tag: int, vr: str | None, value: bytes, implicit: bool, little_endian: bool, charset: tuple[str, ...]
) -> Any:
    raw = RawDataElement(BaseTag(tag), vr, len(value), value, 0, implicit, little_endian)
    try:
        plain = plain_value(convert_raw_data_element(raw, encoding=list(charset)).value)
    except _CONVERSION_ERRORS:
        return None  # one garbled attribute does not spoil a file; who needs it finds it missing
    items = plain if isinstance(plain, list) else [plain]
    if _is_numeric(tag) and not all(isinstance(item, int | float) for item in items):
        return None  # "7kg" where a number belongs
    return tuple(plain) if isinstance(plain, list) else plain


_shared_conversion = lru_cache(maxsize=2048)(_converted)


@lru_cache(maxsize=1024)
def _keyword(tag: int) -> str:
    return keyword_for_tag(tag)


@lru_cache(maxsize=1024)
def _is_numeric(tag: int) -> bool:
    return dictionary_has_tag(tag) and dictionary_VR(tag) in _NUMERIC


def _character_set(data: Dataset) -> tuple[str, ...]:
    raw = data.get_item(_CHARACTER_SET)
    value = getattr(raw, "value", None)
    if isinstance(value, bytes):
        return character_set_named(value)
    names = [value] if isinstance(value, str) else [str(name) for name in value or ()]
    return _encodings(tuple(names))


def character_set_named(value: bytes) -> tuple[str, ...]:
    """The encodings that the bytes of SpecificCharacterSet name; the default one for none."""
    return _encodings(tuple(value.decode("iso8859").rstrip(" \0").split("\\")))


@lru_cache(maxsize=64)
def _encodings(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(convert_encodings(list(names) or None))


Values = Mapping[str, Any]
"""What :func:`plain_elements` gives."""
