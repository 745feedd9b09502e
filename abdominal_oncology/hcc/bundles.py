"""The trained models that come with this room, the one to use first."""

from __future__ import annotations

BUNDLES = ("hcc-lirads-tiny",)
