"""What a header tells before anybody trusts a stage: weighting, fat suppression, field strength, pixel size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.learning.finding import FindingWarning

NOT_T2 = "not-t2-weighted"
"""This doubt takes the answer away: the network has never seen another weighting."""

_SHORTEST_T2_MS, _SHORTEST_REPETITION_MS = 60.0, 1500.0
_LONGEST_T2_MS = 180.0
_FIELDS_TESLA, _FIELD_TOLERANCE = (1.5, 3.0), 0.15
_PIXEL_MM = (0.2, 0.8)
_OTHER_KINDS = {
    "diffusion-weighted": r"\b(dwi|dw|diff\w*|adc|trace\w*|b\s?\d{2,4}|ep2d\w*)\b",
    "T1-weighted": r"\b(t1\w*|vibe|lava|thrive|mprage|flash|dyn\w*|dce\w*|post\s?(gd|contrast|km))\b",
    "a map of relaxation times": r"\b(t[12]\s?map\w*|t2\s?star|t2\*)",
}
_SAYS_T2 = r"t2(?!\s?(map|star|\*))"
_FAT_SUPPRESSED = r"\b(fs|fatsat\w*|fat\s?sat\w*|stir|tirm|spair|spir|dixon)\b"


def header_warnings(header: Mapping[str, Any], geometry: Geometry) -> list[FindingWarning]:
    """Doubts about a series by its DICOM facts; ``geometry`` is that of its axial stack.

    >>> header_warnings({"EchoTime": 11.0, "RepetitionTime": 550.0}, Geometry((20, 256, 256), (3.0, 0.5, 0.5)))[0].code
    'not-t2-weighted'
    """
    return [*_weighting(header), *_field(header), *_pixels(geometry)]


def _weighting(header: Mapping[str, Any]) -> list[FindingWarning]:
    echo, repetition = _number(header.get("EchoTime")), _number(header.get("RepetitionTime"))
    text = " ".join(str(header.get(name) or "") for name in ("SeriesDescription", "ProtocolName", "SequenceName"))
    words = text.replace("_", " ").lower()
    suppressed = [_fat_suppressed(text)] if re.search(_FAT_SUPPRESSED, words) else []
    b_value = _number(header.get("DiffusionBValue"))
    if b_value:
        return [_not_t2(f"its diffusion b-value is {b_value:g} s/mm²")]
    says_t2 = re.search(_SAYS_T2, words) is not None
    for kind, pattern in _OTHER_KINDS.items():
        found = re.search(pattern, words)
        if found and not says_t2:
            return [_not_t2(f'its description says "{found.group(0)}", which is {kind}')]
    if echo is None:
        if says_t2:
            return suppressed
        text = "neither an echo time nor a description says that the series is T2-weighted; it was taken for one"
        return [FindingWarning("weighting-unknown", text), *suppressed]
    if echo < _SHORTEST_T2_MS or (repetition is not None and repetition < _SHORTEST_REPETITION_MS):
        times = f"echo time {echo:g} ms" + (f", repetition time {repetition:g} ms" if repetition is not None else "")
        return [_not_t2(f"{times}; T2-weighted turbo spin echo has about 80 to 120 ms and more than 2000 ms")]
    if echo > _LONGEST_T2_MS:
        text = f"an echo time of {echo:g} ms is longer than that of the T2 series which the network stands for"
        return [FindingWarning("echo-time", text), *suppressed]
    return suppressed


def _field(header: Mapping[str, Any]) -> list[FindingWarning]:
    tesla = _number(header.get("MagneticFieldStrength"))
    if tesla is None:
        return []
    if tesla > 100:  # some scanners write gauss
        tesla /= 10_000
    if any(abs(tesla - known) <= _FIELD_TOLERANCE for known in _FIELDS_TESLA):
        return []
    return [FindingWarning("field-strength", f"the scanner has {tesla:g} T; the method is known at 1.5 and 3 T")]


def _pixels(geometry: Geometry) -> list[FindingWarning]:
    coarsest, finest = max(geometry.spacing_mm[1:]), min(geometry.spacing_mm[1:])
    if coarsest > _PIXEL_MM[1]:
        text = f"pixels of {coarsest:.2g} mm do not show the muscularis; the source study had 0.44 ± 0.07 mm"
        return [FindingWarning("pixel-spacing", text)]
    if finest < _PIXEL_MM[0]:
        return [
            FindingWarning("pixel-spacing", f"pixels of {finest:.2g} mm are finer than any series the method knows")
        ]
    return []


def _not_t2(why: str) -> FindingWarning:
    return FindingWarning(NOT_T2, f"the series is not T2-weighted: {why}")


def _fat_suppressed(text: str) -> FindingWarning:
    message = f'fat seems to be suppressed ("{text.strip()}"): the network expects it bright around the rectum'
    return FindingWarning("fat-suppressed", message)


def _number(value: Any) -> float | None:
    first = value[0] if isinstance(value, list | tuple) and value else value
    try:
        return float(first)
    except (TypeError, ValueError):
        return None
