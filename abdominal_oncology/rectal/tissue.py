"""What pelvic tissue looks like on a T2-weighted image: signal relative to muscle, and its texture."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy import ndimage

from abdominal_oncology.phantom.mr_canvas import Floats


@dataclass(frozen=True)
class Signals:
    """Relative signal of each tissue; muscle with its fat and noise measures 1.0."""

    muscle: float = 0.88
    fat: float = 5.0
    mesorectal_fat: float = 5.0
    urine: float = 8.5
    tumour: float = 2.1
    marrow: float = 4.1
    cortex: float = 0.35
    skin: float = 1.3
    fascia: float = 2.0
    ligament: float = 0.6
    muscularis: float = 1.2
    submucosa: float = 3.7
    mucosa: float = 2.0
    sphincter: float = 2.2
    prostate: float = 3.1
    peripheral_zone: float = 4.8
    seminal_vesicle: float = 6.2
    myometrium: float = 2.9
    endometrium: float = 6.0
    vagina: float = 2.0
    node: float = 2.4
    vein: float = 5.6
    bowel_wall: float = 1.7

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Signals:
        """One patient: every tissue varies by about 7 %, tumour by 20 %."""
        spread = {"tumour": 0.2, "muscle": 0.04, "mesorectal_fat": 0.05, "mucosa": 0.12, "submucosa": 0.12}
        values = {}
        for field in fields(cls):
            middle = float(field.default)  # type: ignore[arg-type]
            values[field.name] = middle * float(np.exp(rng.normal(0, spread.get(field.name, 0.07))))
        values["tumour"] = float(np.clip(values["tumour"], 1.4, 3.4))
        return cls(**values)


@dataclass(frozen=True)
class Textures:
    """Planes (n, j, i) of unit-variance noise; a plane at any height is a blend of neighbours, so slices resemble
    each other as tissue does."""

    fine: Floats
    coarse: Floats
    streaks: Floats
    step_mm: float = 5.0

    @classmethod
    def draw(cls, rng: np.random.Generator, rows: int, columns: int, spacing_mm: float) -> Textures:
        """Textures with grains of about 1.3 mm (fine), 4 mm (coarse) and fibres along x (streaks)."""
        return cls(
            np.stack([_grain(rng, rows, columns, 0.7 / spacing_mm, 0.7 / spacing_mm) for _ in range(3)]),
            np.stack([_grain(rng, rows, columns, 2.2 / spacing_mm, 2.2 / spacing_mm) for _ in range(3)]),
            np.stack([_grain(rng, rows, columns, 0.7 / spacing_mm, 6.0 / spacing_mm) for _ in range(3)]),
        )

    def at(self, which: str, z: Floats, j0: int, i0: int, shape: tuple[int, ...]) -> Floats:
        """Texture ``which`` at heights ``z`` (k, 1, 1) for the window of ``shape`` whose corner is (``j0``, ``i0``)."""
        planes: Floats = getattr(self, which)[:, j0 : j0 + shape[-2], i0 : i0 + shape[-1]]
        phase = (z[:, 0, 0] / np.float32(self.step_mm)) * np.float32(np.pi / 2)
        weights = np.stack([np.cos(phase), np.sin(phase), np.sin(phase * np.float32(0.61) + 1)], axis=1) / np.float32(
            1.21
        )
        blend: Floats = np.einsum("kn,nji->kji", weights.astype(np.float32), planes)
        return blend


def _grain(rng: np.random.Generator, rows: int, columns: int, sigma_j: float, sigma_i: float) -> Floats:
    noise = rng.standard_normal((rows, columns), dtype=np.float32)
    smooth: Floats = ndimage.gaussian_filter(noise, (sigma_j, sigma_i), mode="wrap", truncate=2.5)
    smooth /= max(float(smooth.std()), 1e-6)
    return smooth
