"""``abdominal-oncology rectal``: T2 or T3 on one axial T2-weighted MR volume, with the slices that decided."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from abdominal_oncology.cli.model import add_model_options, open_predictor
from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table, terminal_progress
from abdominal_oncology.cli.rectal_report import write_staged
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.learning.bundle.origin import cautions_of
from abdominal_oncology.progress import part
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.rectal.bundles import BUNDLES
from abdominal_oncology.rectal.roi_file import ENDING, parse_box, read_roi_file
from abdominal_oncology.rectal.stage import StagedVolume, StageSettings, stage
from abdominal_oncology.rectal.words import RECTUM, SLICES, TUMOUR

_ALONE = "measured masks"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("volume", metavar="VOLUME", help="a folder of one DICOM series, or NIfTI, NRRD, MetaImage")
    parser.add_argument("--series", default="", metavar="UID", help="which series of a folder that holds several")
    parser.add_argument("--mask", metavar="FILE", help="the tumour as a mask on the volume's grid")
    parser.add_argument(
        "--rectum", metavar="FILE", help="the rectum as a mask, within the outer line of the muscularis: gives depth"
    )
    parser.add_argument(
        "--roi",
        metavar=f"X,Y,Z,W,D,H|FILE{ENDING}",
        help="where the rectum is: a box in LPS mm (--roi=-5,… where it begins with a minus), or a ROI from Slicer",
    )
    parser.add_argument("--sensitivity", type=float, metavar="SHARE", help="for T3, instead of the bundle's own point")
    parser.add_argument(
        "--threshold", type=float, help="T3 from this probability on, instead of the bundle's own point"
    )
    parser.add_argument(
        "--tta", action=argparse.BooleanOptionalAction, default=True, help="look under eight views, not one"
    )
    parser.add_argument(
        "--bias-correction", action=argparse.BooleanOptionalAction, help="run N4 before (default: as the bundle says)"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder of finding, tables, map, ROI and report")
    add_model_options(parser, _ALONE)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    progress = terminal_progress(quiet=options.json)
    settings = StageSettings(options.sensitivity, options.threshold, options.tta, options.bias_correction)
    box = _box(options.roi)
    predictor, how = open_predictor(options, "rectal", BUNDLES, _ALONE)
    if predictor is not None:
        import_module("abdominal_oncology.rectal.networks")  # a bundle names its network; importing registers them
    progress(0.0, "reading")
    image = read_image(open_reader(options.volume, series_uid=options.series), part(progress, 0.0, 0.1))
    masks = {role: _mask(path) for role, path in ((TUMOUR, options.mask), (RECTUM, options.rectum)) if path}
    staged = stage(
        image, predictor=predictor, box=box, masks=masks, settings=settings, progress=part(progress, 0.1, 0.95)
    )
    if options.output is not None:
        progress(0.95, "writing")
        write_staged(staged, options.output, how)
    progress(1.0, "done")
    _tell(options, staged, how)
    return ExitCode.DONE


def _box(text: str | None) -> Box | None:
    if not text:
        return None
    return read_roi_file(Path(text)) if text.endswith(".json") else parse_box(text)


def _mask(path: str) -> Image:
    """A mask of one structure; several labels would leave open which is meant."""
    mask = read_image(open_reader(path, modality=Modality.MASK))
    labels = sorted({int(each) for each in mask.voxels[mask.voxels != 0]})
    if len(labels) > 1:
        shown = ", ".join(map(str, labels[:8]))
        raise InvalidInputError(
            f"the mask holds {len(labels)} labels ({shown})", where=path, remedy="give one structure per file"
        )
    return mask


def _tell(options: argparse.Namespace, staged: StagedVolume, how: str) -> None:
    finding = staged.finding
    said = cautions_of([finding])
    if options.json:
        print_json({"how": how, "cautions": said, "output": options.output, "finding": finding.to_dict()})
        return
    print(f"{finding.subject}: {finding.decision or 'withheld'}: {finding.reason}")
    if finding.tables.get(SLICES):
        print_table(finding.tables[SLICES])
    for each in finding.measurements:
        interval = "" if each.low is None else f" [{each.low:.3g}, {each.high:.3g}]"
        print(f"{each.name}: {each.value:.3g}{interval} {each.unit}{f' ({each.note})' if each.note else ''}")
    for warning in finding.warnings:
        print(f"warning: {warning.message}")
    for caution in said:
        print(f"\n{caution}")
    print(f"\n{how}" + (f"\nfiles: {options.output}" if options.output else ""))
