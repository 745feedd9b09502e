"""``abdominal-oncology kinetics``: phase and seconds since injection from a few HU, without any trained network."""

from __future__ import annotations

import argparse
import re
from typing import Any

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table, terminal_progress
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.phase.kinetics import KineticEstimate, estimate
from abdominal_oncology.phase.measure_regions import measure_regions
from abdominal_oncology.phase.region_hu import RegionHU

_ROI = re.compile(r"(?P<name>[^=]+)=(?P<hu>[-+−]?[\d.]+)(?:(?:±|\+-|\+/-)(?P<error>[\d.]+))?")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="?", help="with --segmentation: a DICOM folder or a volume file")
    parser.add_argument(
        "--roi", metavar="NAME=HU", type=_region, action="append", default=[], help="a measured structure; aorta=151±8"
    )
    parser.add_argument("--segmentation", metavar="FILE", help="a label map with TotalSegmentator's numbers")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    regions = list(options.roi)
    if bool(options.image) != bool(options.segmentation):
        raise InvalidInputError(
            "an image needs a segmentation and the other way round",
            remedy="give --segmentation FILE IMAGE, or only --roi",
        )
    if options.segmentation:
        progress = terminal_progress(quiet=options.json)
        labels = read_image(open_reader(options.segmentation, modality="MASK"))
        regions += measure_regions(open_reader(options.image), labels, progress=progress)
        progress(1.0, "measured")
    found = estimate(regions)
    if options.json:
        print_json(_plain(found))
        return ExitCode.DONE
    print(found.reason)
    if found.probabilities:
        print()
        print_table([{"phase": str(phase), "probability": round(p, 3)} for phase, p in found.probabilities.items()])
        print(f"\nearly arterial {found.early_arterial:.3f}, late arterial {found.late_arterial:.3f}")
    if found.evidence:
        print()
        print_table(_rows(found))
    for warning in found.warnings:
        print(f"\nwarning {warning.code}: {warning.message}")
    return ExitCode.DONE


def _region(text: str) -> RegionHU:
    match = _ROI.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        name, hu, error = match["name"].strip(), float(match["hu"].replace("−", "-")), match["error"]
        return RegionHU(name, hu, float(error)) if error else RegionHU(name, hu)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=HU or NAME=HU±ERROR, as in aorta=151±8") from None


def _rows(found: KineticEstimate) -> list[dict[str, Any]]:
    return [
        {
            "structure": each.structure,
            "HU": round(each.hu, 1),
            "error": round(each.error_hu, 1),
            "expected": round(each.expected_hu),
            "spread": round(each.spread_hu),
            "SDs off": round(each.unusual, 2),
            "mistaken": round(each.mistaken, 2),
        }
        for each in found.evidence
    ]


def _plain(found: KineticEstimate) -> dict[str, Any]:
    return {
        "phase": found.phase,
        "reason": found.reason,
        "probabilities": {str(phase): p for phase, p in found.probabilities.items()},
        "early_arterial": found.early_arterial,
        "late_arterial": found.late_arterial,
        "seconds": found.seconds,
        "seconds_50": found.seconds_50,
        "seconds_90": found.seconds_90,
        "evidence": [vars(each) for each in found.evidence],
        "warnings": [vars(each) for each in found.warnings],
    }
