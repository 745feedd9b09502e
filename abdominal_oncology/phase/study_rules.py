"""Which series of a study may be paired at all, and which of two of the same phase is the better one. In order."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.phase.mining_rules import Says
from abdominal_oncology.phase.mining_text import in_words, read_text
from abdominal_oncology.phase.series_finding import Extent, SeriesFinding, overlap_mm

FEWEST_SLICES = 5
LEAST_EXTENT_MM = 30.0
"""Shorter stacks watch a bolus arrive or guide a needle."""

THIN_MM = 1.5
"""Thinner slices add noise, no detail of the liver."""

_COMPUTED = {
    "MIP": "a maximum projection",
    "MAXIMUM": "a maximum projection",
    "MINIP": "a minimum projection",
    "MINIMUM": "a minimum projection",
    "PROJECTION IMAGE": "a projection",
    "VRT": "a surface view",
    "SUBTRACTION": "a difference of series",
    "PERFUSION": "a perfusion map",
    "SEGMENTED": "cut out of a series",
}
_COMPUTED_TEXT = re.compile(r"(?<![a-z])(mip|minip|max ip|min ip)(?![a-z])", re.IGNORECASE)
_SHARP_TEXT = re.compile(r"(?<![a-z])(bone|lung|knochen|poumon|osseux|pulmon|hueso|edge|sharp|hrct)", re.IGNORECASE)
_SHARP_NAMES = frozenset({"D", "E", "L", "YD", "YE", "YL"})  # one maker's letters
_NUMBERED = re.compile(r"(?P<maker>[A-Z]{1,2})(?P<number>\d{2})")
_SHARP_FROM: Mapping[str, int] = {"FC": 30}
_SHARP_FROM_ELSE = 50


@dataclass(frozen=True)
class Rule:
    """Of two series the one with the higher ``score`` is better; ``says`` words it: better, worse."""

    name: str
    score: Callable[[SeriesFinding, Extent | None], float]
    says: Callable[[SeriesFinding, SeriesFinding, Extent | None], str]


def why_not(series: SeriesFinding) -> str:
    """Why this series belongs in no set; empty where it does."""
    return next((reason for reason in (rule(series) for rule in _UNFIT) if reason), "")


def is_derived(series: SeriesFinding) -> bool:
    """Computed from other series by its header: reformatted, mixed, averaged."""
    return "DERIVED" in series.image_type


def is_sharp(header: Mapping[str, Any]) -> bool:
    """A kernel for bone or lung; False for soft ones and where nothing is said.

    >>> [is_sharp({"ConvolutionKernel": name}) for name in ("B70f", ["Br40d", "3"], "LUNG", "FC51", "STANDARD", "L")]
    [True, False, True, True, False, True]
    """
    value = header.get("ConvolutionKernel") or ""
    kernel = str(value[0] if isinstance(value, list | tuple) else value).strip()
    if _SHARP_TEXT.search(f"{kernel} | {header.get('SeriesDescription') or ''}") or kernel.upper() in _SHARP_NAMES:
        return True
    found = _NUMBERED.match(kernel.upper())
    if found is None:
        return False
    return found["maker"] == "BL" or int(found["number"]) >= _SHARP_FROM.get(found["maker"], _SHARP_FROM_ELSE)


def coverage(series: SeriesFinding, wanted_mm: Extent | None) -> float:
    """The share of ``wanted_mm`` that the series covers; 1 where nobody knows what is wanted."""
    if wanted_mm is None:
        return 1.0
    return overlap_mm(series.extent_mm, wanted_mm) / max(wanted_mm[1] - wanted_mm[0], 1e-6)


def _modality(series: SeriesFinding) -> str:
    named = str(series.header.get("Modality") or "").upper()
    if series.modality in (Modality.MR, Modality.MASK):
        named = str(series.modality)
    return f"is {named}, not CT" if named not in ("", "CT", "OT", "OTHER") else ""


def _localizer(series: SeriesFinding) -> str:
    return "ImageType says LOCALIZER" if "LOCALIZER" in series.image_type else ""


def _useless_by_name(series: SeriesFinding) -> str:
    text = str(series.header.get("SeriesDescription") or "")
    found = read_text(text).of(Says.UNUSABLE)
    return "; ".join(in_words(found, "SeriesDescription"))


def _computed(series: SeriesFinding) -> str:
    for word in series.image_type:
        if word in _COMPUTED:
            return f"ImageType says {word}: {_COMPUTED[word]}"
    found = _COMPUTED_TEXT.search(str(series.header.get("SeriesDescription") or ""))
    return f'SeriesDescription says "{found[0]}": a projection' if found else ""


def _short(series: SeriesFinding) -> str:
    count, size = series.geometry.shape[0], series.geometry.size_mm[0]
    if count < FEWEST_SLICES:
        return f"has only {count} slice{'s' if count > 1 else ''}"
    return f"is only {size:.0f} mm long: it watches or guides something" if size < LEAST_EXTENT_MM else ""


def _plane(series: SeriesFinding) -> str:
    plane = series.geometry.plane
    return "" if plane == "axial" else f"has {plane} slices: reformatted"


def _unanswered(series: SeriesFinding) -> str:
    if series.finding is None:
        return "was not classified"
    if series.finding.decision is None:
        return f"its phase is not known: {series.finding.reason}"
    return "" if series.phase is not None else f'"{series.finding.decision}" is no contrast phase'


_UNFIT = (_modality, _localizer, _useless_by_name, _computed, _short, _plane, _unanswered)


def _sureness(series: SeriesFinding) -> float:
    return 0.0 if series.finding is None else series.finding.probability or 0.0


def _thickness_mm(series: SeriesFinding) -> float:
    return max(_number(series, "SliceThickness", 0.0), series.geometry.spacing_mm[0])


RULES: tuple[Rule, ...] = (
    Rule(
        "covers the abdomen",
        lambda s, wanted: round(coverage(s, wanted), 1),
        lambda a, b, wanted: f"covers {coverage(a, wanted):.0%} of the abdomen, not {coverage(b, wanted):.0%}",
    ),
    Rule("original", lambda s, _: float(not is_derived(s)), lambda a, b, _: "is original, not derived"),
    Rule(
        "soft kernel", lambda s, _: float(not is_sharp(s.header)), lambda a, b, _: "has a soft kernel, not a sharp one"
    ),
    Rule(
        "sure",
        lambda s, _: round(_sureness(s), 1),
        lambda a, b, _: f"shows the phase more surely: {_sureness(a):.2f}, not {_sureness(b):.2f}",
    ),
    Rule(
        "thin slices",
        lambda s, _: -round(max(_thickness_mm(s), THIN_MM), 1),
        lambda a, b, _: f"has slices of {_thickness_mm(a):.1f} mm, not {_thickness_mm(b):.1f} mm",
    ),
    Rule(
        "long",
        lambda s, _: round(s.geometry.size_mm[0], -1),
        lambda a, b, _: f"is {a.geometry.size_mm[0]:.0f} mm long, not {b.geometry.size_mm[0]:.0f} mm",
    ),
    Rule(
        "many slices",
        lambda s, _: float(s.geometry.shape[0]),
        lambda a, b, _: f"has {a.geometry.shape[0]} slices, not {b.geometry.shape[0]}",
    ),
    Rule("first", lambda s, _: -_number(s, "SeriesNumber", math.inf), lambda a, b, _: "comes first in the study"),
)
"""The first rule that tells two series apart decides; differences too small to matter do not."""


def rank(series: SeriesFinding, wanted_mm: Extent | None) -> tuple[float, ...]:
    """Higher is better."""
    return tuple(rule.score(series, wanted_mm) for rule in RULES)


def why_better(better: SeriesFinding, worse: SeriesFinding, wanted_mm: Extent | None) -> tuple[str, str]:
    """The rule that decided, and a sentence about the better one."""
    for rule in RULES:
        if rule.score(better, wanted_mm) > rule.score(worse, wanted_mm):
            return rule.name, f"{better.title} {rule.says(better, worse, wanted_mm)}"
    return "name", f"{better.title} and {worse.title} are equals; the first by name was taken"


def _number(series: SeriesFinding, keyword: str, otherwise: float) -> float:
    """Of the header, where a number may also be text."""
    try:
        value = float(str(series.header.get(keyword)))
    except ValueError:
        return otherwise
    return value if math.isfinite(value) else otherwise
