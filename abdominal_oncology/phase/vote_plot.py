"""The votes of a series as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.learning.finding import Finding

_COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7")  # Okabe and Ito's


def vote_plot(finding: Finding) -> bytes:
    """A PNG: every slice's vote at its height, the probabilities behind it."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise MissingDependencyError("drawing votes needs matplotlib", remedy="install matplotlib") from missing
    rows = finding.tables["votes"]
    names = [key for key in rows[0] if key not in ("slice", "z_mm", "vote")]
    key = "z_mm" if "z_mm" in rows[0] else "slice"
    places = [float(row[key] or 0) for row in rows]
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.add_subplot()
    for n, name in enumerate(names):
        colour = _COLOURS[n % len(_COLOURS)]
        axes.bar(
            places, [float(row[name] or 0) * 0.8 for row in rows], _width(places), n - 0.4, color=colour, alpha=0.3
        )
        at = [place for place, row in zip(places, rows, strict=True) if row["vote"] == name]
        axes.plot(at, [n] * len(at), "o", color=colour, ms=4)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("z in mm, towards the head" if key == "z_mm" else "slice")
    axes.spines[["top", "right"]].set_visible(False)
    png = io.BytesIO()
    FigureCanvasAgg(figure).print_png(png)
    return png.getvalue()


def _width(places: Sequence[float]) -> float:
    gaps = [b - a for a, b in zip(sorted(places), sorted(places)[1:], strict=False) if b > a]
    return min(gaps) if gaps else 1.0
