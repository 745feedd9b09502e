"""Plain data: what JSON and YAML can hold, from what the code works with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any


def as_plain(value: Any) -> Any:
    """Tables, lists, texts and numbers all the way down; what is none of these stays, for the writer to refuse.

    >>> import numpy as np
    >>> as_plain({"size": (np.float32(0.5), np.arange(2)), 3: {"b", "a"}})
    {'size': [0.5, [0, 1]], '3': ['a', 'b']}
    """
    if isinstance(value, Mapping):
        return {str(key): as_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(as_plain(each) for each in value)
    if isinstance(value, PurePath):
        return str(value)
    return as_plain(value.tolist()) if hasattr(value, "tolist") and not isinstance(value, type) else value
