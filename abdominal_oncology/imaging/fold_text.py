"""Text of headers made comparable across languages and habits of writing."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """Lower case without accents.

    >>> fold("Größe"), fold("spätarteriell")
    ('grosse', 'spatarteriell')
    """
    parts = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in parts if unicodedata.category(c) != "Mn"))


def spaceless(text: str) -> bool:
    """Whether it is in a script that does not part words.

    >>> spaceless("動脈相"), spaceless("arterial")
    (True, False)
    """
    return any("\u3040" <= c <= "\u30ff" or "\u3400" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" for c in text)
