"""``abdominal-oncology phantom``: synthetic patients on disk."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from abdominal_oncology.cli.output import (
    Commands,
    ExitCode,
    add_command,
    add_json_option,
    print_json,
    print_table,
    terminal_progress,
)
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lesion_kinds import LesionKind, SizeSet
from abdominal_oncology.hcc.lesions import draw_size
from abdominal_oncology.hcc.phantom import LIVER_PHASES, hcc_study
from abdominal_oncology.phantom.ct_study import EXTENTS_MM, FOUR_PHASES, ct_study
from abdominal_oncology.phantom.physiology import LiverCondition
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.phantom.save import PhantomFormat, save_phantom
from abdominal_oncology.progress import Progress, part
from abdominal_oncology.rectal.phantom import STAGES, rectal_phantom

_CT_SPACING_MM = (2.5, 0.75, 0.75)

Maker = Callable[[argparse.Namespace, int, Progress], Phantom]


def configure(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(title="kinds", dest="phantom", required=True, metavar="KIND")
    _register_ct(kinds)
    _register_mr(kinds)
    _register_hcc(kinds)


def _register_ct(kinds: Commands[argparse.ArgumentParser]) -> None:
    parser = add_command(
        kinds,
        "ct",
        "an abdomen on CT in several phases",
        "abdominal-oncology phantom ct --seed 1 --seconds plain=none arterial=35 portal=70 --output phantoms/abdomen",
    )
    parser.add_argument("--extent", choices=list(EXTENTS_MM), default="abdomen", help="default abdomen")
    _add_seconds(parser, FOUR_PHASES)
    _add_shared(parser, matrix=512, slices=None)
    parser.set_defaults(run=run, make=_make_ct)


def _make_ct(options: argparse.Namespace, seed: int, progress: Progress) -> Phantom:
    return ct_study(
        seed,
        seconds=_seconds(options.seconds) or FOUR_PHASES,
        spacing_mm=_spacing(options.spacing) or _CT_SPACING_MM,
        matrix=options.matrix,
        slices=options.slices,
        extent=options.extent,
        progress=progress,
    )


def _register_hcc(kinds: Commands[argparse.ArgumentParser]) -> None:
    parser = add_command(
        kinds,
        "hcc",
        "a liver with focal lesions on CT in several phases",
        "abdominal-oncology phantom hcc --seed 1 --lesion hcc=24 --lesion cyst --output phantoms/liver",
    )
    parser.add_argument(
        "--lesion",
        action="append",
        metavar="KIND[=MM]",
        help=f"one per lesion; default: one to three are drawn. Kinds: {', '.join(LesionKind)}",
    )
    parser.add_argument("--size-set", choices=list(SizeSet), default=SizeSet.SMALL, help="where sizes are drawn from")
    parser.add_argument("--condition", choices=list(LiverCondition), help="of the liver; default: drawn")
    _add_seconds(parser, LIVER_PHASES)
    _add_shared(parser, matrix=512, slices=None)
    parser.set_defaults(run=run, make=_make_hcc)


def _make_hcc(options: argparse.Namespace, seed: int, progress: Progress) -> Phantom:
    lesions, sizes = _lesions(options.lesion, options.size_set, seed)
    return hcc_study(
        seed,
        lesions=lesions,
        sizes_mm=sizes,
        size_set=options.size_set,
        condition=options.condition,
        seconds=_seconds(options.seconds) or LIVER_PHASES,
        spacing_mm=_spacing(options.spacing) or _CT_SPACING_MM,
        matrix=options.matrix,
        slices=options.slices,
        progress=progress,
    )


def _register_mr(kinds: Commands[argparse.ArgumentParser]) -> None:
    parser = add_command(
        kinds,
        "mr",
        "a pelvis with rectal cancer on T2-weighted MR",
        "abdominal-oncology phantom mr --seed 1 --stage T3 --slices 24 --format nifti --output phantoms/rectum",
    )
    parser.add_argument("--stage", choices=STAGES, help="default: drawn as often as in the source study")
    parser.add_argument("--difficulty", type=float, default=0.5, metavar="0..1", help="noise, blur, false strands")
    _add_shared(parser, matrix=512, slices=30)
    parser.set_defaults(run=run, make=_make_mr)


def _make_mr(options: argparse.Namespace, seed: int, progress: Progress) -> Phantom:
    return rectal_phantom(
        seed,
        stage=options.stage,
        matrix=options.matrix,
        slices=options.slices,
        spacing_mm=_spacing(options.spacing),
        difficulty=options.difficulty,
        progress=progress,
    )


def _add_seconds(parser: argparse.ArgumentParser, usual: Mapping[str, float | None]) -> None:
    shown = " ".join(f"{role}={'none' if seconds is None else f'{seconds:g}'}" for role, seconds in usual.items())
    parser.add_argument(
        "--seconds",
        nargs="+",
        metavar="ROLE=S",
        help=f"phases and their time since injection, none for no contrast; default {shown}",
    )


def _add_shared(parser: argparse.ArgumentParser, *, matrix: int, slices: int | None) -> None:
    parser.add_argument("--seed", type=int, default=0, help="same seed, same patient (default 0)")
    parser.add_argument("--count", type=int, default=1, metavar="N", help="N patients from successive seeds")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--format", choices=[each.value for each in PhantomFormat], default="dicom")
    parser.add_argument("--scramble", action="store_true", help="DICOM file names that tell neither series nor order")
    parser.add_argument("--matrix", type=int, default=matrix, metavar="N", help=f"N × N pixels (default {matrix})")
    parser.add_argument("--slices", type=int, default=slices, metavar="N", help=f"default {slices or 'as needed'}")
    parser.add_argument(
        "--spacing", type=float, nargs=3, metavar=("K", "J", "I"), help="voxel spacing in mm: slice, row, column"
    )
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    if options.count < 1:
        raise InvalidInputError(f"{options.count} phantoms cannot be made", remedy="give --count 1 or more")
    progress = terminal_progress(quiet=options.json)
    make: Maker = options.make
    rows: list[dict[str, Any]] = []
    for n in range(options.count):
        seed = options.seed + n
        folder = options.output if options.count == 1 else options.output / f"seed_{seed:05d}"
        this = part(progress, n / options.count, (n + 1) / options.count)
        phantom = make(options, seed, part(this, 0.0, 0.7))
        files = save_phantom(
            phantom, folder, file_format=options.format, scramble=options.scramble, progress=part(this, 0.7, 1.0)
        )
        rows.append({"seed": seed, "folder": str(folder), "truth": phantom.truth, "files": files})
    if options.json:
        print_json(rows)
    else:
        print_table([{"seed": row["seed"], **_facts(row["truth"]), "folder": row["folder"]} for row in rows])
    return ExitCode.DONE


def _seconds(words: list[str] | None) -> dict[str, float | None]:
    """Phases from ``role=seconds`` words."""
    result: dict[str, float | None] = {}
    for word in words or ():
        role, _, value = word.partition("=")
        if not role or not value:
            raise InvalidInputError(
                f"--seconds {word} names no time", remedy="write for example portal=70 or plain=none"
            )
        result[role] = None if value == "none" else _number(value, f"--seconds {word}")
    return result


def _lesions(words: list[str] | None, size_set: str, seed: int) -> tuple[list[LesionKind] | None, list[float] | None]:
    """Kinds and sizes from ``kind`` or ``kind=mm`` words; sizes not given are drawn."""
    if not words:
        return None, None
    rng = np.random.default_rng((seed, 0x512E))
    kinds, sizes = [], []
    for word in words:
        name, _, value = word.partition("=")
        kind = LesionKind.of(name)
        drawn = draw_size(rng, kind is LesionKind.HCC, size_set)
        kinds.append(kind)
        sizes.append(_number(value, f"--lesion {word}") if value else drawn)
    return kinds, sizes


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInputError(
            f"{where}: {text!r} is not a number", remedy="write a number, as in portal=70"
        ) from None


def _spacing(values: list[float] | None) -> tuple[float, float, float] | None:
    return (values[0], values[1], values[2]) if values else None


def _facts(truth: Any) -> dict[str, Any]:
    """The few facts of a truth record that fit into a table's row."""
    names = ("stage", "depth_mm", "volume_ml", "seconds", "lesions")
    shown: dict[str, Any] = {}
    for name in names:
        value = truth.get(name)
        if name == "seconds" and isinstance(value, dict):
            value = ", ".join(f"{role} {'plain' if s is None else f'{s:.0f} s'}" for role, s in value.items())
        if name == "lesions" and isinstance(value, list):
            value = ", ".join(f"{lesion['kind']} {lesion['size_mm']:.0f} mm" for lesion in value)
        if value is not None:
            shown[name] = value
    return shown
