"""What the networks take: one lesion's patch as bytes, (4, 24, 96, 96) – arterial, portal, delayed, lesion mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError, MissingInputError
from abdominal_oncology.hcc.cut import CutPatch
from abdominal_oncology.hcc.features.region import Floats, Mask
from abdominal_oncology.hcc.patch import PATCH_SHAPE, LesionPatch
from abdominal_oncology.hcc.phase_roles import PHASES


@dataclass(frozen=True)
class LesionPreparation:
    """``window_hu`` becomes 0 … 255 (the networks then scale each phase by its own spread); ``relative`` windows are
    about the median of the patient's own parenchyma in that phase, so that a difference of 10 HU, which is what washout
    comes down to, is not lost beside fat and air. ``shape`` (k, j, i) is the middle of the published patch that is
    kept. ``pool`` (k, j, i) voxels are averaged into one: the same field of view with less noise, for a training in
    minutes; what is left must be whole.

    >>> LesionPreparation.from_mapping(LesionPreparation().to_mapping()) == LesionPreparation()
    True
    """

    shape: tuple[int, int, int] = PATCH_SHAPE
    window_hu: tuple[float, float] = (-100.0, 250.0)
    pool: tuple[int, int, int] = (1, 1, 1)
    relative: bool = False

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or any(not 1 <= n <= whole for n, whole in zip(self.shape, PATCH_SHAPE, strict=False)):
            raise InvalidInputError(f"a patch is cut to (k, j, i) within {PATCH_SHAPE}, not to {self.shape}")
        if len(self.window_hu) != 2 or not self.window_hu[0] < self.window_hu[1]:
            raise InvalidInputError(f"a window goes from a lower to a higher HU, not {self.window_hu}")
        if len(self.pool) != 3 or any(k < 1 or n % k for n, k in zip(self.shape, self.pool, strict=True)):
            raise InvalidInputError(f"{self.shape} voxels are not averaged by {self.pool} without a rest")

    @property
    def pooled_shape(self) -> tuple[int, int, int]:
        """(k, j, i) of what a network sees."""
        k, j, i = (n // each for n, each in zip(self.shape, self.pool, strict=True))
        return k, j, i

    def to_mapping(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> LesionPreparation:
        unknown = [key for key in values if key not in cls.__dataclass_fields__]
        if unknown:
            raise InvalidInputError(f"{unknown[0]!r} is no setting of the lesions' preparation", remedy="take it out")
        table: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in values.items()}
        return cls(**table)


PUBLISHED = LesionPreparation()
QUICK = LesionPreparation((24, 48, 48), (-75.0, 75.0), (1, 2, 2), relative=True)
"""24 × 24 × 24 voxels of 2.00 × 1.52 × 1.52 mm around the middle: a sixteenth of the published patch with a quarter of
the noise's variance. Of a lesion above 36 mm the border lies outside; what it is compared with is in the values."""


def input_of_cut(patch: CutPatch, settings: LesionPreparation, name: str = "") -> NDArray[np.uint8]:
    """(4, k, j, i) of a patient's lesion."""
    return lesion_input(patch.roles, patch.hu, patch.lesion, patch.liver, settings, name)


def input_of_phantom(patch: LesionPatch, settings: LesionPreparation) -> NDArray[np.uint8]:
    """(4, k, j, i) of a synthetic lesion."""
    return lesion_input(PHASES, patch.voxels_hu, patch.lesion, patch.liver, settings)


def lesion_input(
    roles: Sequence[str],
    hu: Floats,
    lesion: Mask,
    liver: Mask,
    settings: LesionPreparation = PUBLISHED,
    name: str = "",
) -> NDArray[np.uint8]:
    """``hu`` (phase, k, j, i) is in the order of ``roles``. Where it is NaN, beyond a phase's field of view, the
    median of the parenchyma stands.

    >>> hu = np.full((3, 2, 4, 4), 75.0, np.float32)
    >>> lesion, liver = np.zeros((2, 2, 4, 4), bool)
    >>> lesion[0, 1, 1] = liver[0] = True
    >>> lesion_input(PHASES, hu, lesion, liver, LesionPreparation((2, 4, 4)))[:, 0, 1, 1].tolist()
    [128, 128, 128, 255]
    """
    missing = [phase for phase in PHASES if phase not in roles]
    if missing:
        raise MissingInputError(
            f"the networks look at {', '.join(PHASES)}, and the {missing[0]} phase is missing",
            where=name,
            remedy="give it, or go on without networks: measured features and LI-RADS need no delayed phase",
        )
    middle = tuple(slice((n - m) // 2, (n - m) // 2 + m) for n, m in zip(lesion.shape, settings.shape, strict=True))
    if not lesion[middle].any():
        raise EmptyMaskError("the patch shows nothing of the lesion", where=name, remedy="check the lesion's outline")
    result = np.empty((len(PHASES) + 1, *settings.pooled_shape), np.uint8)
    for channel, phase in enumerate(PHASES):
        values, usual = _filled(hu[roles.index(phase)], liver & ~lesion)
        low, high = settings.window_hu
        shown = values[middle] - (usual if settings.relative else 0)
        # cut off first: air must not bleed into its neighbours' averages
        result[channel] = _as_bytes(_averaged(np.clip(shown, low, high), settings.pool), low, high)
    # a mask's averages are the lesion's share of each voxel
    result[-1] = np.rint(_averaged(lesion[middle].astype(np.float32), settings.pool) * 255)
    return result


def _averaged(values: Floats, pool: tuple[int, int, int]) -> Floats:
    if pool == (1, 1, 1):
        return values
    (k, j, i), (nk, nj, ni) = pool, values.shape
    blocks = values.reshape(nk // k, k, nj // j, j, ni // i, i)
    averages: Floats = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return averages


def _filled(hu: Floats, parenchyma: Mask) -> tuple[Floats, np.float32]:
    """Without gaps, and what the parenchyma usually is: its median."""
    known = np.isfinite(hu)
    inside = hu[parenchyma & known] if (parenchyma & known).any() else hu[known]
    usual = np.float32(np.median(inside) if inside.size else 0.0)
    return (hu if known.all() else np.where(known, hu, usual)), usual


def _as_bytes(hu: Floats, low: float, high: float) -> NDArray[np.uint8]:
    scaled: NDArray[np.uint8] = np.rint((hu - low) * (255 / (high - low))).astype(np.uint8)
    return scaled
