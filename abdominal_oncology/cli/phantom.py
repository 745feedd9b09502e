"""``abdominal-oncology phantom``: synthetic patients on disk."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.phantom.save import PhantomFormat, save_phantom
from abdominal_oncology.progress import Progress, part
from abdominal_oncology.rectal.phantom import STAGES, rectal_phantom

Maker = Callable[[argparse.Namespace, int, Progress], Phantom]


def configure(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(title="kinds", dest="phantom", required=True, metavar="KIND")
    _register_mr(kinds)


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
