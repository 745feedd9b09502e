"""How pixel data is packed in a DICOM file: the transfer syntaxes this project reads and writes."""

from __future__ import annotations

from enum import StrEnum

from abdominal_oncology.errors import InvalidInputError


class TransferSyntax(StrEnum):
    """The value is the UID; short names such as ``"jpeg-ls"`` are accepted too.

    >>> TransferSyntax("jpeg-ls") is TransferSyntax.JPEG_LS
    True
    >>> TransferSyntax.RLE.value
    '1.2.840.10008.1.2.5'
    """

    IMPLICIT = "1.2.840.10008.1.2"
    RAW = "1.2.840.10008.1.2.1"
    DEFLATED = "1.2.840.10008.1.2.1.99"
    BIG_ENDIAN = "1.2.840.10008.1.2.2"
    RLE = "1.2.840.10008.1.2.5"
    JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
    JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
    JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
    JPEG_LOSSLESS_14 = "1.2.840.10008.1.2.4.57"
    JPEG_LS = "1.2.840.10008.1.2.4.80"
    JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
    JPEG_2000 = "1.2.840.10008.1.2.4.90"
    JPEG_2000_LOSSY = "1.2.840.10008.1.2.4.91"
    HTJ2K = "1.2.840.10008.1.2.4.201"
    HTJ2K_RPCL = "1.2.840.10008.1.2.4.202"
    HTJ2K_LOSSY = "1.2.840.10008.1.2.4.203"

    @classmethod
    def _missing_(cls, value: object) -> TransferSyntax:
        name = str(value).strip().upper().replace("-", "_").replace(" ", "_")
        if name in cls.__members__:
            return cls[name]
        names = ", ".join(member.lower().replace("_", "-") for member in cls.__members__)
        raise InvalidInputError(f"unknown transfer syntax {value!r}", remedy=f"use one of {names}, or its UID")

    @property
    def is_encapsulated(self) -> bool:
        """True when frames are compressed one by one inside the pixel data element."""
        return self.value not in NATIVE_SYNTAXES

    @property
    def may_be_lossy(self) -> bool:
        return self in _LOSSY


NATIVE_SYNTAXES = frozenset(
    syntax.value
    for syntax in (TransferSyntax.IMPLICIT, TransferSyntax.RAW, TransferSyntax.DEFLATED, TransferSyntax.BIG_ENDIAN)
)
"""UIDs under which pixel data lie open, frame after frame."""

_LOSSY = frozenset(
    {
        TransferSyntax.JPEG_BASELINE,
        TransferSyntax.JPEG_EXTENDED,
        TransferSyntax.JPEG_LS_NEAR,
        TransferSyntax.JPEG_2000_LOSSY,
        TransferSyntax.HTJ2K_LOSSY,
    }
)
