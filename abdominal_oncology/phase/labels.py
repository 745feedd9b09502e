"""The contrast phases that the phase room tells apart."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """``others`` holds what lies between two phases and what no phase fits."""

    NON_CONTRAST = "non-contrast"
    ARTERIAL = "arterial"
    VENOUS = "venous"
    DELAYED = "delayed"
    OTHERS = "others"
