"""Named arteries and veins of the abdomen and pelvis; anatomy mm (LPS)."""

from __future__ import annotations

import numpy as np

from abdominal_oncology.phantom.abdomen_parts import Part
from abdominal_oncology.phantom.abdomen_shapes import Blob, tube
from abdominal_oncology.phantom.abdomen_trunk import Habitus


def vessels(habitus: Habitus, rng: np.random.Generator) -> list[Part]:
    wide = float(np.clip(rng.normal(9.6 + (0.8 if habitus.male else 0), 0.9), 7.5, 14))
    fork = -232 + 8 * rng.normal()
    bend = 3 * rng.normal()
    w = wide
    aorta = tube(
        [
            (19, 14, 112, w * 1.28),
            (20, 16, 80, w * 1.28),
            (14, 4, 0, w * 1.2),
            (8, -4, -90, w * 1.08),
            (8 + bend, -7, -160, w),
            (6, -6, fork, w * 0.92),
        ]
    )
    cava = tube(
        [(-24, -14, 18, 12), (-21, 2, -30, 13), (-20, 4, -80, 12), (-20, -3, -120, 12), (-19, -6, -150, 11.5)],
        flat=0.85,
    )
    low_cava = tube([(-19, -6, -146, 11.5), (-18, -7, -190, 10.5), (-16, -4, fork - 12, 11)], flat=0.78)
    parts = []
    art = "iliac_artery_"
    for side, s in (("left", 1), ("right", -1)):
        knee = (s * 42, 0, -292, 5.6)
        parts.append(
            Part(
                tube(
                    [
                        (-14, -2, fork - 6, 8),
                        (s * 26 - 4, 8, -268, 7.5),
                        (s * 46, 14, -300, 7),
                        (s * 66, -20, -345, 6.5),
                        (s * 76, -52, -388, 6.5),
                        (s * 74, -58, -480, 6),
                    ],
                    flat=0.9,
                ),
                f"iliac_vena_{side}",
                f"iliac_vena_{side}",
            )
        )
        parts.append(
            Part(
                tube([(s * 46, 14, -300, 5), (s * 52, 34, -330, 4), (s * 50, 36, -360, 3)]),
                f"iliac_vena_{side}",
                "pelvic_vessels",
            )
        )
        parts.append(
            Part(
                tube(
                    [
                        (6, -6, fork + 3, 6.8),
                        (s * 22, -6, -262, 6),
                        knee,
                        (s * 62, -28, -335, 5.2),
                        (s * 80, -58, -385, 4.8),
                        (s * 82, -62, -480, 4.4),
                    ]
                ),
                f"{art}{side}",
                f"{art}{side}",
            )
        )
        parts.append(
            Part(tube([knee, (s * 48, 26, -318, 3.6), (s * 52, 38, -350, 2.4)]), f"{art}{side}", "pelvic_vessels")
        )
    parts.append(Part(cava, "inferior_vena_cava", "inferior_vena_cava", "moire", amount_of="cava_mixing"))
    parts.append(Part(low_cava, "inferior_vena_cava_infrarenal", "inferior_vena_cava"))
    if habitus.age_years > 55 or rng.random() < 0.15:
        for _ in range(int(rng.poisson(2 + max(habitus.age_years - 55, 0) * 0.5))):
            z, a = rng.uniform(fork, -60), rng.uniform(0, 6.3)
            x, y = np.interp(z, (fork, -160, -90), (6, 8 + bend, 8)), np.interp(z, (-160, -90), (-7, -4))
            x, y = x + w * np.cos(a), y + w * np.sin(a)
            parts.append(
                Part(
                    Blob((x, y, z), (rng.uniform(1, 2.4), rng.uniform(1, 2.4), rng.uniform(1.5, 6))),
                    "calcification",
                    "aorta",
                )
            )
    parts.append(Part(aorta, "aorta", "aorta"))
    celiac = [(8, -10, -112, 3.6), (7, -24, -110, 3.4)]
    parts.append(Part(tube(celiac), "celiac_trunk", "celiac_trunk"))
    parts.append(
        Part(
            tube([(7, -24, -110, 2.6), (-12, -28, -112, 2.4), (-26, -22, -104, 2)]),
            "hepatic_artery",
            "hepatic_artery",
        )
    )
    parts.append(
        Part(
            tube(
                [
                    (7, -24, -110, 2.8),
                    (30, -14, -104, 2.6),
                    (48, -2, -96, 2.5),
                    (70, 16, -88, 2.4),
                    (88, 24, -84, 2),
                ]
            ),
            "splenic_artery",
            "splenic_artery",
        )
    )
    parts.append(
        Part(
            tube(
                [
                    (7, -12, -126, 3.6),
                    (6, -24, -136, 3.6),
                    (3, -30, -170, 3.3),
                    (0, -34, -215, 2.6),
                    (-12, -34, -260, 1.6),
                ]
            ),
            "superior_mesenteric_artery",
            "superior_mesenteric_artery",
        )
    )
    smv = [(-12, -32, -256, 2.5), (-8, -36, -215, 4.2), (-9, -33, -170, 5.6), (-8, -26, -136, 6.2)]
    parts.append(Part(tube(smv), "superior_mesenteric_vein", "superior_mesenteric_vein"))
    parts.append(
        Part(
            tube(
                [
                    (-8, -26, -136, 5),
                    (14, -24, -124, 4.6),
                    (40, -8, -110, 4.6),
                    (64, 10, -98, 4.4),
                    (90, 24, -88, 3.6),
                ]
            ),
            "splenic_vein",
            "splenic_vein",
        )
    )
    parts.append(
        Part(
            tube([(-8, -26, -138, 6.4), (-14, -20, -122, 6.8), (-24, -12, -106, 6.6), (-40, -6, -100, 6)]),
            "portal_vein",
            "portal_vein_and_splenic_vein",
        )
    )
    parts.append(
        Part(tube([(-26, -24, -104, 2.4), (-24, -18, -120, 2.6), (-26, -10, -150, 2.2)]), "bile_ducts", "bile_ducts")
    )
    return parts
