"""The secret that makes pseudonyms: same key, same pseudonym; no key, no way back."""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from abdominal_oncology.errors import InvalidInputError, MissingInputError

_SHORTEST_KEY = 16


def new_key() -> bytes:
    """32 random bytes. Kept by the caller, a study de-identified twice keeps its pseudonyms; thrown away, it cannot."""
    return secrets.token_bytes(32)


def create_key(path: Path) -> bytes:
    """A new key, written (as hexadecimal, readable by its owner only) to a file that must not exist yet."""
    key = new_key()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exists:
        raise InvalidInputError(
            "a file of this name exists already", where=path, remedy="read it as a key or choose another name"
        ) from exists
    except OSError as refused:
        raise InvalidInputError(
            f"the key cannot be written here ({refused.strerror})",
            where=path,
            remedy="choose a folder you may write to",
        ) from refused
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
    return key


def load_key(path: Path) -> bytes:
    """The key in a file: hexadecimal as :func:`create_key` writes it, or any other bytes, at least 16."""
    try:
        content = path.read_bytes().strip()
    except OSError as missing:
        raise MissingInputError(
            f"the key cannot be read ({missing.strerror})", where=path, remedy="name an existing key file"
        ) from missing
    try:
        key = bytes.fromhex(content.decode("ascii"))
    except ValueError:
        key = content
    _check(key, path)
    return key


def _check(key: bytes, where: Path | str = "") -> None:
    if len(key) < _SHORTEST_KEY:
        raise InvalidInputError(
            f"a key of {len(key)} bytes can be guessed",
            where=where,
            remedy=f"use at least {_SHORTEST_KEY} random bytes, or a new key file",
        )


@dataclass(frozen=True)
class Pseudonymiser:
    """HMAC-SHA256 pseudonyms under one key. The key is never shown, not even in ``repr``.

    >>> names = Pseudonymiser(bytes(range(32)))
    >>> names.uid("1.2.840.113619.2.55.3")
    '2.25.230320138315526806855330529946781059058'
    >>> names.uid("1.2.840.113619.2.55.3\\0") == names.uid("1.2.840.113619.2.55.3")
    True
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check(self.key)

    def uid(self, original: str) -> str:
        """A valid UID under 2.25 (a UUID of RFC 9562's version 8, made of 122 bits of the keyed hash)."""
        number = int.from_bytes(self._digest("uid", original.strip("\0 "))[:16], "big")
        number = number & ~(0xF << 76) | 8 << 76  # version 8: free use
        number = number & ~(0x3 << 62) | 2 << 62  # the usual variant
        return f"2.25.{number}"

    def patient(self, patient_id: str, issuer: str = "") -> str:
        """A pseudonym that fits a Patient ID; the same patient of the same issuer gets the same one."""
        return "AO" + self._digest("patient", f"{patient_id.strip()}\0{issuer.strip()}").hex()[:16].upper()

    def name(self, kind: str, original: str) -> str:
        """16 hexadecimal digits for a file or folder name."""
        return self._digest(kind, original).hex()[:16]

    def _digest(self, kind: str, original: str) -> bytes:
        # the kind keeps a patient id and a path of the same letters apart
        message = f"{kind}\0{original}".encode("utf-8", "surrogatepass")
        return hmac.new(self.key, message, sha256).digest()
