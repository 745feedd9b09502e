"""Texts that a person reads, translated by Slicer."""

from __future__ import annotations


def tr(text: str) -> str:
    """``text`` in the application's language."""
    from slicer.i18n import translate  # its own ``tr`` takes no context: it would name ours after this file

    return str(translate("AbdominalOncology", text))
