"""What a phantom gives back: images, label maps and the truth they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.image import Image


@dataclass(frozen=True)
class Phantom:
    """One synthetic patient.

    ``images`` by role (``"arterial"``, ``"t2"`` …), ``labels`` the label map of each image under the same role (its
    grid) and any further map its maker describes, ``label_names`` what a label value means, ``truth`` everything a test
    or a training may want to know, as plain values that can be written as JSON: ``seed``, per role ``phase`` and
    ``seconds``, lesions, depth of spread.
    """

    images: Mapping[str, Image]
    labels: Mapping[str, Image]
    label_names: Mapping[int, str]
    truth: Mapping[str, Any] = field(default_factory=dict)


class Insert(Protocol):
    """Something painted over the anatomy before the scanner sees it, for example a lesion."""

    @property
    def name(self) -> str:
        """The structure name its voxels get in the label map, for example ``"lesion_1"``."""
        ...

    @property
    def box_mm(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Lower and upper LPS (x, y, z) corner outside which it changes nothing, in anatomy coordinates."""
        ...

    def paint(
        self, hu: NDArray[np.float32], points_mm: NDArray[np.float32], seconds: float | None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """New HU and the insert's mask for a block; ``points_mm`` is the block's (…, 3) LPS anatomy coordinates,
        ``seconds`` the time since injection (None: no contrast)."""
        ...
