"""The scene bridge: MRML nodes ↔ the types of ``imaging``."""
