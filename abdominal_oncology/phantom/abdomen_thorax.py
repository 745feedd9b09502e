"""The rough upper end of a neck-to-thigh CT phantom: great vessels, airways, neck; anatomy mm (LPS)."""

from __future__ import annotations

import numpy as np

from abdominal_oncology.phantom.abdomen_parts import Part
from abdominal_oncology.phantom.abdomen_shapes import tube
from abdominal_oncology.phantom.abdomen_trunk import Habitus

LOWEST_MM = 40.0
"""Nothing here reaches below this height."""


def thorax_parts(habitus: Habitus, rng: np.random.Generator) -> list[Part]:
    """Arch and its branches, central veins, trachea and bronchi, thyroid, clavicles; back to front."""
    wide = float(np.clip(rng.normal(14.5, 1.2), 11, 19)) * (1.05 if habitus.male else 0.95)
    parts = [
        Part(
            tube([(-22, -16, 70, 10), (-26, -24, 110, 9.5), (-26, -26, 150, 9)]),
            "superior_vena_cava",
            "superior_vena_cava",
        ),
        Part(tube([(0, -34, 84, 13), (16, -24, 100, 12), (42, -2, 100, 10), (60, 8, 92, 6)]), "right_heart", "heart"),
        Part(tube([(4, -28, 98, 11), (-20, -10, 96, 9.5), (-48, 0, 88, 8), (-62, 6, 80, 5)]), "right_heart", "heart"),
        Part(
            tube(
                [
                    (0, -26, 72, wide),
                    (-14, -38, 100, wide),
                    (-8, -34, 135, wide * 0.98),
                    (6, -14, 148, wide * 0.92),
                    (18, 6, 138, wide * 0.85),
                    (19, 14, 105, wide * 0.8),
                ]
            ),
            "aorta",
            "aorta",
        ),
    ]
    for side, s in (("left", 1), ("right", -1)):
        carotid = tube([(s * 8, -24, 148, 5), (s * 18, -18, 190, 4), (s * 24, -6, 250, 3.6), (s * 26, -2, 420, 3.2)])
        parts.append(Part(carotid, "aorta", f"common_carotid_artery_{side}"))
        below = tube([(s * 10, -16, 150, 5), (s * 26, -6, 186, 5), (s * 70, -8, 198, 4.5), (s * 130, -10, 180, 4)])
        parts.append(Part(below, "aorta", f"subclavian_artery_{side}"))
        vein = tube([(-25, -28, 150, 8), (s * 18 - 6, -34, 172, 7), (s * 32, -12, 230, 6.5), (s * 36, -4, 420, 6)])
        parts.append(Part(vein, f"brachiocephalic_vein_{side}", f"brachiocephalic_vein_{side}"))
        parts.append(
            Part(
                tube([(s * 14, -22, 222, 6), (s * 16, -20, 245, 9), (s * 17, -14, 274, 5)]),
                "thyroid_gland",
                "thyroid_gland",
            )
        )
        collar = tube([(s * 14, -58, 168, 7), (s * 60, -54, 182, 6), (s * 110, -24, 196, 6)], bone=True)
        parts.append(Part(collar, "bone", f"clavicula_{side}"))
        parts.append(Part(collar, "bone_marrow", f"clavicula_{side}", "marrow", 40, -2.0))
        airway = tube([(2, -2, 112, 8), (s * 22, 2, 96, 6.5), (s * 42, 8, 80, 5)])
        parts.append(Part(airway, "esophagus", "trachea", grow_mm=1.5))
        parts.append(Part(airway, "trachea", "trachea"))
    pipe = tube([(2, -2, 112, 9), (2, -10, 160, 9), (0, -24, 220, 8.5), (0, -32, 420, 8.5)])
    parts.append(Part(pipe, "esophagus", "trachea", grow_mm=1.8))
    parts.append(Part(pipe, "trachea", "trachea"))
    return parts
