"""A staged volume in one picture: the slice that spoke most with its activation map, and all slices along the body."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from abdominal_oncology.errors import InvalidInputError, MissingDependencyError
from abdominal_oncology.rectal.class_map import STRIDE
from abdominal_oncology.rectal.stage import StagedVolume
from abdominal_oncology.rectal.words import OPERATING, SLICES

_TOWARDS, _AGAINST = "#D55E00", "#0072B2"


def stage_picture(staged: StagedVolume) -> bytes:
    """A PNG. Red places spoke for T3, blue ones for T2; the strongest of the volume is opaque."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise MissingDependencyError("drawing a stage needs matplotlib", remedy="install matplotlib") from missing
    if staged.evidence is None:
        raise InvalidInputError("no network answered, so there is no evidence to draw")
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(4, 5))
    _slice(left, staged)
    _along(right, staged)
    png = io.BytesIO()
    FigureCanvasAgg(figure).print_png(png)
    return png.getvalue()


def _slice(axes: Any, staged: StagedVolume) -> None:
    evidence, placed = staged.evidence, staged.placed
    assert evidence is not None
    most = int(np.abs(evidence.influence).argmax())
    pixels = staged.prepared.pixels[placed.first + most]
    each = evidence.maps[most] / max(float(np.abs(evidence.maps).max()), 1e-12)
    axes.imshow(pixels, cmap="gray", interpolation="bilinear")
    # the map's first pixel is centred on the input's first pixel
    rows, columns = each.shape
    extent = (-STRIDE / 2, (columns - 0.5) * STRIDE, (rows - 0.5) * STRIDE, -STRIDE / 2)
    axes.imshow(
        each, cmap="coolwarm", vmin=-1, vmax=1, alpha=np.abs(each) * 0.6, extent=extent, interpolation="nearest"
    )
    axes.set_xlim(-0.5, pixels.shape[1] - 0.5)
    axes.set_ylim(pixels.shape[0] - 0.5, -0.5)
    stored = staged.prepared.plane.stored_slice(placed.first + most, len(staged.prepared.pixels))
    axes.set_title(f"slice {stored}, which moved the answer most", fontsize="medium")
    axes.set_axis_off()


def _along(axes: Any, staged: StagedVolume) -> None:
    rows = sorted(staged.finding.tables[SLICES], key=lambda row: float(row["z_mm"] or 0))
    places = np.array([float(row["z_mm"] or 0) for row in rows])
    influence = np.array([float(row["influence"] or 0) for row in rows])
    threshold = float(staged.finding.tables[OPERATING][0]["threshold"] or 0)
    axes.plot(places, [float(row["probability"] or 0) for row in rows], "o-", color="black", ms=3, label="alone")
    axes.axhline(threshold, color="grey", lw=0.8, ls=":")
    axes.set_ylim(0, 1)
    axes.set_ylabel("T3 probability of the slice alone")
    axes.set_xlabel("z in mm, towards the head")
    bars = axes.twinx()
    width = float(np.diff(places).mean()) * 0.8 if len(places) > 1 else 1.0
    bars.bar(places, influence, width, color=np.where(influence >= 0, _TOWARDS, _AGAINST), alpha=0.5)
    reach = max(float(np.abs(influence).max()) * 1.5, 0.01)
    bars.set_ylim(-reach, reach)
    bars.set_ylabel("T3 probability lost without the slice")
    for each in (axes, bars):
        each.spines["top"].set_visible(False)
