"""Solid organs of the CT phantom: kidneys, spleen, pancreas, heart, pelvic organs; anatomy mm (LPS)."""

from __future__ import annotations

import numpy as np

from abdominal_oncology.phantom.abdomen_parts import Part
from abdominal_oncology.phantom.abdomen_shapes import Above, Blob, tube, waves
from abdominal_oncology.phantom.abdomen_trunk import Habitus


def deep(habitus: Habitus, rng: np.random.Generator) -> list[Part]:
    """Behind the peritoneum: crura, adrenals, oesophagus."""
    parts = []
    for s, low in ((-1, -185), (1, -168)):
        crus = tube(
            [
                (s * 10, 0, -40, 3.5),
                (s * 17, 4, -80, 4),
                (s * 17, 8, -110, 5),
                (s * 14, 10, -140, 4),
                (s * 14, 8, low, 2.5),
            ]
        )
        parts.append(Part(crus, "muscle", "muscle"))
    parts.append(
        Part(
            tube([(4, 2, 240, 7), (6, 8, 120, 8), (8, -2, 40, 8), (12, -8, -10, 8), (24, -14, -36, 9)]),
            "esophagus",
            "esophagus",
        )
    )
    parts.append(Part(tube([(6, 8, 120, 2), (8, -3, 20, 2.0), (12, -8, -10, 1.2)]), "bowel_gas", "esophagus"))
    for name, legs in (
        (
            "left",
            ([(34, -8, -84, 3), (40, 6, -100, 4.2), (36, 22, -118, 2.8)], [(39, 4, -94, 4), (48, 20, -118, 2.8)]),
        ),
        (
            "right",
            (
                [(-26, 16, -74, 2.6), (-30, 26, -92, 3.6), (-27, 42, -110, 2.6)],
                [(-29, 24, -86, 3.4), (-38, 42, -108, 2.6)],
            ),
        ),
    ):
        parts += [Part(tube(leg), f"adrenal_gland_{name}", f"adrenal_gland_{name}") for leg in legs]
    return parts


def kidneys(habitus: Habitus, rng: np.random.Generator) -> list[Part]:
    parts: list[Part] = []
    for name, s, z in (("left", 1, -142 + 8 * rng.normal()), ("right", -1, -156 + 8 * rng.normal())):
        size = rng.uniform(0.9, 1.08)
        cx, cy, turn = s * (66 + 3 * rng.normal()), 34 + 2 * rng.normal(), s * rng.uniform(25, 45)
        lean = (-s * 0.2, 0.1)
        bumps = waves(rng, 1.1, 34, 3)
        whole = Blob((cx, cy, z), (31.5 * size, 28 * size, 56 * size), turn, lean, bumps)
        label = f"kidney_{name}"
        parts.append(Part(whole, "renal_cortex", label, inside="wall"))
        a = np.deg2rad(turn)
        for w, angle in _pyramids(rng):
            ring = np.sqrt(1 - w * w) * 0.55
            u, v = ring * 31.5 * size * np.cos(angle), ring * 28 * size * np.sin(angle)
            px, py = cx + u * np.cos(a) - v * np.sin(a), cy + u * np.sin(a) + v * np.cos(a)
            dz = w * 56 * size
            pyramid = Blob(
                (px + lean[0] * dz, py + lean[1] * dz, z + dz), (8.4, 8.4, 8.8), 0, (0, 0), waves(rng, 0.8, 14, 2)
            )
            parts.append(Part(pyramid, "renal_medulla", label, inside="wall"))
        hx, hy = cx - s * 13, cy - 8
        sinus = Blob((hx + s * 2, hy + 2, z), (12, 7, 25), turn, lean, waves(rng, 2.4, 24, 3))
        parts.append(Part(sinus, "visceral_fat", "visceral_fat", "visceral", 9))
        exit_ = tube([(hx + s * 3, hy + 1, z, 6.5), (hx - s * 13, hy - 5, z - 2, 5.5)], flat=0.8)
        parts.append(Part(exit_, "visceral_fat", "visceral_fat", "visceral", 9))
        pelvis = tube([(hx + s * 4, hy + 1, z + 2, 4), (hx - s * 8, hy - 2, z - 6, 5), (hx - s * 14, hy, z - 20, 3.8)])
        parts.append(Part(pelvis, "renal_pelvis", "renal_pelvis"))
        for up in (-20, -9, 8, 20):
            calyx = tube([(hx + s * 2, hy, z + up * 0.3, 2.2), (hx + s * 6, hy + 2 + 3 * rng.normal(), z + up, 2.6)])
            parts.append(Part(calyx, "renal_pelvis", label))
        ureter = tube(
            [
                (hx - s * 14, hy, z - 20, 3),
                (s * 38, 2, z - 70, 2.6),
                (s * 38, -14, -250, 2.5),
                (s * 46, 6, -310, 2.5),
                (s * 44, 26, -360, 2.5),
                (s * 18, 12, -392, 2.4),
            ]
        )
        parts.append(Part(ureter, "renal_pelvis", "ureters"))
        vein_z = z + 6
        parts.append(
            Part(
                tube(
                    [
                        (hx, hy - 2, vein_z, 3.8),
                        (s * 30, 2, vein_z + 5, 5),
                        (s * 12 - 4, -19 if s > 0 else -6, vein_z + 9, 5.2),
                        (-16, -9, vein_z + 10, 4.5),
                    ],
                    flat=0.8,
                ),
                "renal_veins",
                "renal_veins",
            )
        )
        parts.append(
            Part(
                tube([(8, -8, -140, 3.4), (s * 26 + 4, 6, -142, 3), (hx, hy, z + 2, 2.5)]),
                "renal_arteries",
                "renal_arteries",
            )
        )
        twigs = [
            tube([(hx, hy, z + 2, 2), (hx + s * 8, hy + 4 * rng.normal(), z + 18 * rng.normal(), 1.2)])
            for _ in range(3)
        ]
        parts += [Part(twig, "renal_arteries", label) for twig in twigs]
        if rng.random() < 0.25:
            r = rng.uniform(6, 22)
            cyst = Blob((cx + s * 20, cy + 10 * rng.normal(), z + 20 * rng.normal()), (r, r, r))
            parts.append(Part(cyst, f"kidney_cyst_{name}", f"kidney_cyst_{name}", inside="wall"))
    return parts


def _pyramids(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Height (−1 … 1 of the kidney's half length) and angle of each medullary pyramid: rings, a little out of line."""
    result = []
    for w in (-0.72, -0.45, -0.16, 0.14, 0.43, 0.7):
        count = max(2, round(5.4 * np.sqrt(1 - w * w)))
        first = rng.uniform(0, 2 * np.pi)
        angles = first + 2 * np.pi * np.arange(count) / count + 0.12 * rng.normal(size=count)
        result += [(w + 0.04 * rng.normal(), float(angle)) for angle in angles]
    return result


def upper(habitus: Habitus, rng: np.random.Generator) -> list[Part]:
    parts = []
    n = rng.normal
    size = rng.uniform(0.85, 1.15)
    spleen = Blob(
        (102, 30 + 3 * n(), -70 + 8 * n()),
        (30 * size, 48 * size, 50 * size),
        -24 + 6 * n(),
        (0.05, -0.1),
        waves(rng, 2.4, 60, 3),
    )
    parts.append(Part(spleen, "spleen", "spleen", "moire", inside="under_lung", amount_of="spleen_moire"))
    thick = rng.uniform(0.8, 1.15) * (1 - 0.004 * (habitus.age_years - 50))
    line = [
        (-28, -24, -158, 12),
        (-24, -30, -140, 13),
        (-8, -36, -130, 8.5),
        (10, -34, -122, 8.5),
        (34, -18, -112, 10),
        (58, 2, -102, 10),
        (78, 14, -92, 7),
    ]
    for k in range(4):  # lobulated: a bundle of wavy strands
        strand = [(x + 3 * n(), y + 3.2 * n(), z + 2.5 * n(), r * thick * (0.92 if k else 0.8)) for x, y, z, r in line]
        parts.insert(0, Part(tube(strand, flat=0.85), "pancreas", "pancreas", "lobules", 9))
    bladder = Blob(
        (-46 + 6 * n(), -56 + 4 * n(), -136 + 8 * n()),
        (15 * size, 19, 30),
        20,
        (0.25, -0.35),
        waves(rng, 1.0, 40, 2),
    )
    if rng.random() > 0.1:
        parts.append(Part(bladder, "gallbladder_wall", "gallbladder", grow_mm=1.4))
        parts.append(Part(bladder, "gallbladder", "gallbladder"))
    return parts


def heart(habitus: Habitus, rng: np.random.Generator) -> list[Part]:
    n = rng.normal

    def blob(c: tuple[float, float, float], r: tuple[float, float, float], turn: float) -> Blob:
        return Blob((c[0] + 2 * n(), c[1] + 2 * n(), c[2]), r, turn, (-0.12, 0.1), waves(rng, 1.2, 50, 2))

    return [
        Part(blob((24, -38, 34), (72, 54, 58), 30), "visceral_fat", "heart", "visceral", 7, inside="wall"),
        Part(blob((26, -36, 34), (66, 47, 53), 30), "myocardium", "heart"),
        Part(blob((2, -56, 36), (44, 17, 38), 25), "right_heart", "heart"),
        Part(blob((-22, -22, 40), (22, 27, 38), 0), "right_heart", "heart"),
        Part(blob((48, -26, 40), (36, 17, 34), 38), "left_heart", "heart"),
        Part(blob((16, -4, 62), (34, 17, 26), 0), "left_heart", "heart"),
    ]


def pelvis(habitus: Habitus, rng: np.random.Generator) -> list[Part]:
    n = rng.normal
    fill = float(np.clip(rng.normal(1.0, 0.2), 0.55, 1.4))
    low = Blob(
        (2 * n(), -30, -378 + 18 * (fill - 1)),
        (46 * fill, 35 * fill, 35 * fill),
        0,
        (0, -0.15),
        waves(rng, 2, 70, 3),
        2.3,
    )
    parts = [
        Part(low, "muscle", "urinary_bladder", grow_mm=2.5),
        Part(low, "bladder", "urinary_bladder", "", 0),
        Part(Above(low, -26 + 6 * n()), "bladder_front", "urinary_bladder", "", 0, optional=True),
    ]
    if habitus.male:
        parts.append(Part(Blob((0, 0, -418), (24, 18, 19), 0, (0, 0), waves(rng, 1, 25, 2)), "prostate", "prostate"))
        vesicles = [Blob((s * 17, 10, -396), (17, 6, 8), -s * 18, (0, 0), waves(rng, 1.5, 12, 2)) for s in (-1, 1)]
        parts += [Part(vesicle, "seminal_vesicles", "seminal_vesicles", "lobules", 6) for vesicle in vesicles]
    else:
        parts.append(
            Part(
                Blob((6 * n(), 22, -358), (25, 17, 28), 0, (0, 0.35), waves(rng, 1.5, 35, 2)),
                "uterus",
                "uterus",
                "lobules",
                5,
            )
        )
        parts.append(Part(tube([(0, 10, -395, 11), (0, 12, -430, 10)], flat=0.5), "vagina", "vagina"))
    for s in (-1, 1):
        floor = tube([(s * 52, 10, -372, 5), (s * 54, 20, -395, 8), (s * 40, 22, -420, 5), (s * 16, 34, -435, 4)])
        parts.append(Part(floor, "muscle", "muscle"))
    return parts
