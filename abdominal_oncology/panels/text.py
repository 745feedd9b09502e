"""Texts that a person reads, translated by Slicer."""

from __future__ import annotations


def tr(text: str) -> str:
    """``text`` in the application's language."""
    from slicer.i18n import tr as translate

    return str(translate(text, "AbdominalOncology"))
