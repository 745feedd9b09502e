"""Where rectum and tumour lie on an axial T2-weighted pelvis, found without torch in a fraction of a second."""

from __future__ import annotations

from abdominal_oncology.rectal.localise.find import Located, locate

__all__ = ["Located", "locate"]
