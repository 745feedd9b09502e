"""How many helpers this machine has for us."""

from __future__ import annotations

import os


def processor_count() -> int:
    """Processors this process may use, at most eight: beyond that the disk is the limit."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, available)
