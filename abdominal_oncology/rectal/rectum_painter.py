"""Painting the rectum: its layers, what it holds, the tumour on its wall and the strands around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.phantom.mr_canvas import Canvas, Floats
from abdominal_oncology.rectal.tissue import Signals, Textures
from abdominal_oncology.rectal.tumour import Spicule, Tumour
from abdominal_oncology.rectal.wall import Polar, RectalWall


@dataclass(frozen=True)
class Content:
    """What the lumen holds. ``filling`` is ``gas``, ``stool``, ``mucus`` or ``gel``; ``haze`` how much the fat beside
    the tumour is darkened by inflammation (0 to 1), ``haze_mm`` how far out; ``texture`` the tumour's unevenness."""

    filling: str
    haze: float
    haze_mm: float
    texture: float

    @classmethod
    def draw(cls, rng: np.random.Generator, difficulty: float) -> Content:
        return cls(
            str(rng.choice(["gas", "stool", "gel", "mucus"], p=[0.35, 0.25, 0.2, 0.2])),
            float(rng.uniform(0.15, 0.7)) if rng.random() < 0.25 + 0.5 * difficulty else 0.0,
            float(rng.uniform(1.0, 4.5)),
            float(rng.uniform(0.12, 0.24)),
        )


def paint_rectum(
    canvas: Canvas,
    tube: Canvas,
    signals: Signals,
    textures: Textures,
    wall: RectalWall,
    tumour: Tumour,
    content: Content,
) -> None:
    """Paint the rectum and its tumour; everything around them must be painted already.

    ``tube`` is a canvas on the same grid; its labels get the rectum as it was before the tumour grew: all that lies
    within the outer surface of the muscularis.
    """
    part, whole = canvas.part((-64, 64), (-64, 70)), tube.part((-64, 64), (-64, 70))
    if part is None or whole is None:
        return
    polar = wall.polar(part.x, part.y, part.z)
    np.copyto(whole.labels, find("rectum").number, where=polar.depth_mm > 0)
    j0 = int(np.searchsorted(canvas.rows_mm, part.rows_mm[0]))
    i0 = int(np.searchsorted(canvas.columns_mm, part.columns_mm[0]))
    fine = textures.at("fine", part.z, j0, i0, part.signal.shape)
    coarse = textures.at("coarse", part.z, j0, i0, part.signal.shape)
    plateau = tumour.plateau(polar.angle, part.z)
    _haze(part, polar, tumour, content, coarse, plateau)
    _layers(part, polar, signals, wall, content, fine, coarse)
    for spicule in tumour.spicules:
        _strand(part, polar, spicule, signals)
    begins = tumour.outer_depth(polar.angle, part.z, plateau, wall)
    ends = np.minimum(tumour.inner_depth(polar.angle, part.z, plateau, wall), polar.radius_mm + polar.depth_mm - 1)
    grain = content.texture
    tissue = signals.tumour * (1 + grain * (0.6 * coarse + 0.6 * fine))
    distance = np.maximum(begins - polar.depth_mm, polar.depth_mm - ends)
    part.fill(np.where(plateau > 0, distance, 99.0), tissue, find("tumour").number)


def _layers(
    part: Canvas, polar: Polar, signals: Signals, wall: RectalWall, content: Content, fine: Floats, coarse: Floats
) -> None:
    outside = -polar.depth_mm
    lumen = wall.lumen_depth(polar.angle, part.z)
    # below the junction the canal is a closed ring of muscle
    canal = np.clip((2.0 - part.z) / 6, 0, 1)
    coat = signals.muscularis * (1 + 0.06 * fine)
    part.fill(outside, coat, find("rectal_muscularis_propria").number)
    seam = np.abs(outside + wall.outer_coat_mm) - 0.12
    part.fill(seam, (signals.muscularis * 1.7))
    below_muscle = outside + wall.muscularis_mm
    bright = signals.submucosa + (signals.sphincter - signals.submucosa) * canal
    part.fill(below_muscle, bright * (1 + 0.06 * coarse), find("rectal_submucosa").number)
    inner = np.minimum(lumen, polar.depth_mm + polar.radius_mm - 1.2)
    to_lumen = inner - polar.depth_mm
    part.fill(to_lumen - wall.mucosa_mm, signals.mucosa, find("rectal_mucosa").number)
    filling: Floats | float
    if content.filling == "gas":
        filling = 0.05
    elif content.filling == "stool":
        filling = np.maximum(2.6 * (1 + 0.3 * coarse + 0.2 * fine), 0.1)
    else:
        filling = 7.5 if content.filling == "gel" else 5.0
    part.fill(to_lumen, filling, find("rectal_lumen").number)
    canal_label = find("anal_canal").number
    tube = (part.z < 0) & (polar.depth_mm > 0)
    np.copyto(part.labels, canal_label, where=tube)


def _strand(part: Canvas, polar: Polar, spicule: Spicule, signals: Signals) -> None:
    """A line that leaves the outer wall, thinning outwards."""
    near = np.abs(part.z[:, 0, 0] - spicule.z_mm) < spicule.half_length_mm
    if not near.any():
        return
    planes = slice(int(np.argmax(near)), int(near.size - np.argmax(near[::-1])))
    out = -polar.depth_mm[planes]
    turn = polar.angle[planes] - spicule.angle - spicule.bend * out
    turn = turn - np.round(turn * (0.5 / np.pi)) * (2 * np.pi)
    across = np.abs(turn) * polar.radius_mm[planes]
    width = spicule.half_width_mm * np.clip(1.15 - out / spicule.reach_mm, 0, 1)
    distance = np.maximum(across - width, np.maximum(-out, out - spicule.reach_mm))
    weight = np.clip(0.5 - distance / part.edge_mm, 0, 1) * spicule.strength
    signal = part.signal[planes]
    signal += weight * ((signals.tumour * 0.9) - signal)
    np.copyto(part.labels[planes], find("spicules").number, where=distance < 0)


def _haze(part: Canvas, polar: Polar, tumour: Tumour, content: Content, coarse: Floats, plateau: Floats) -> None:
    """Fat beside the tumour, greyed by oedema: no tumour, but it blurs the wall."""
    if content.haze == 0:
        return
    out = -polar.depth_mm
    fading = np.clip(1 - out / content.haze_mm, 0, 1) * (out > -1) * plateau
    part.scale(fading * np.clip(0.75 + 0.35 * coarse, 0, 1), 1 - content.haze)
