"""``abdominal-oncology``: parses, calls, prints. The work lives elsewhere; one command per module here.

Exit codes: 0 done; 1 something broke that should not have; 2 the command line is wrong; 3 the input is wrong (the
message says which and what to do); 4 done, but some cases failed (each is named); 130 cancelled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from abdominal_oncology import __version__
from abdominal_oncology.cli.output import ExitCode, add_command
from abdominal_oncology.errors import AbdominalOncologyError, Cancelled, MissingDependencyError
from abdominal_oncology.files import refusal


@dataclass(frozen=True)
class Command:
    """A command in the list of all. Its module has ``configure(parser)`` and is imported only when it is called."""

    name: str
    summary: str
    example: str


COMMANDS = (
    Command(
        "demo",
        "make a multiphase CT study, read it, put it into a scene, measure and draw it",
        "abdominal-oncology demo --output demo-output",
    ),
    Command(
        "scan",
        "list the patients, studies, series and volumes in a folder of DICOM files",
        "abdominal-oncology scan /data/study --json",
    ),
    Command(
        "info",
        "describe one image: grid, values, header facts, warnings",
        "abdominal-oncology info scans/portal.nrrd --json",
    ),
    Command(
        "deidentify",
        "write CT and MR files that hold only what an allow-list names",
        "abdominal-oncology deidentify scans/ deidentified/ --profile modules --key-file site.key",
    ),
    Command(
        "phantom",
        "make synthetic patients: images, label maps and the truth they were made from",
        "abdominal-oncology phantom mr --seed 1 --stage T3 --output phantoms/rectum",
    ),
    Command(
        "manifest",
        "list the volumes of a folder as a table of cases, with the labels that their headers tell",
        "abdominal-oncology manifest /data/scans --output cases.csv",
    ),
    Command(
        "split",
        "divide the patients of a table of cases into folds or sides, each class alike",
        "abdominal-oncology split cases.csv --question phase --folds 5",
    ),
    Command(
        "evaluate",
        "measure predictions: every metric with its interval, plots, comparison of two models",
        "abdominal-oncology evaluate predictions.csv --compare baseline.csv --output evaluation",
    ),
    Command(
        "phase",
        "tell the contrast phase of every CT series of a study, by network and kinetics",
        "abdominal-oncology phase /data/study --output phases",
    ),
    Command(
        "kinetics",
        "tell contrast phase and seconds since injection from the HU of a few structures",
        "abdominal-oncology kinetics --roi aorta=151±8 --roi portal_vein=133 --json",
    ),
    Command(
        "hcc",
        "tell HCC from other liver lesions on multiphase CT: probability, LI-RADS category, measurements",
        "abdominal-oncology hcc --arterial a.nii.gz --portal p.nii.gz --delayed d.nii.gz --liver liver.nii.gz "
        "--lesions lesions.nii.gz --population cirrhosis --output lesions",
    ),
    Command(
        "lirads",
        "give the CT LI-RADS v2018 category of a liver observation from its features, with the reason",
        "abdominal-oncology lirads --population cirrhosis --aphe nonrim --size-mm 21 --washout --json",
    ),
    Command(
        "rectal",
        "tell T2 from T3 rectal cancer on an axial T2-weighted MR volume, with the slices that decided",
        "abdominal-oncology rectal /data/rectum --mask tumour.nii.gz --sensitivity 0.9 --output stage",
    ),
    Command(
        "train",
        "train a network on a manifest or on phantoms, measure it, make a bundle",
        "abdominal-oncology train phase study.csv --output runs/phase",
    ),
    Command(
        "crossval",
        "cross-validate by the folds of a manifest: mean ± SD over folds, intervals by patient",
        "abdominal-oncology crossval phase study.csv --output runs/phase-crossval",
    ),
    Command(
        "guide",
        "train the four lesion networks in folds, fuse them with measured features, make a bundle",
        "abdominal-oncology guide lesions.csv --output runs/hcc",
    ),
    Command(
        "networks",
        "list every network with its parameters and operations",
        "abdominal-oncology networks --json",
    ),
    Command(
        "experiment",
        "measure a table or figure of a source paper; without a name, list them",
        "abdominal-oncology experiment phase-encodings --scale smoke --output results",
    ),
    Command(
        "predict",
        "answer a question for every case of a manifest or folder; a rerun does only what is missing",
        "abdominal-oncology predict phase study.csv --output findings",
    ),
    Command(
        "bundle",
        "list, add, remove, verify, show and export trained models",
        "abdominal-oncology bundle list --task phase",
    ),
    Command(
        "bench",
        "measure our speed beside named baselines, in one run",
        "abdominal-oncology bench imaging",
    ),
)


_OPTIONAL = {"torch", "monai", "safetensors"}
"""Packages without which some commands work and others do not."""


def build_parser(called: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The parser of everything; only the commands ``called`` (None: all) know their options."""
    parser = argparse.ArgumentParser(
        prog="abdominal-oncology",
        description="Contrast phase, liver lesion and rectal stage on abdominal CT and MR. Research use only.",
    )
    parser.add_argument("--version", action="version", version=f"abdominal-oncology {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        own = add_command(commands, command.name, command.summary, command.example)
        if called is None or command.name in called:
            import_module(f"{__name__}.{command.name}").configure(own)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = build_parser(called=words[:1]).parse_args(words)
    try:
        return int(options.run(options))
    except (Cancelled, KeyboardInterrupt):
        print("cancelled", file=sys.stderr)
        return ExitCode.CANCELLED
    except AbdominalOncologyError as error:
        return _refuse(error)
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] not in _OPTIONAL:
            raise
        needed = MissingDependencyError(
            f"this command needs {missing.name}", remedy="install the extra: pip install 'abdominal-oncology[torch]'"
        )
        return _refuse(needed)
    except BrokenPipeError:  # the reader of our output left early, as `| head` does
        sys.stderr.close()
        return ExitCode.DONE
    except OSError as error:
        refused = refusal(error)
        if refused is None:
            raise
        return _refuse(refused)


def _refuse(error: AbdominalOncologyError) -> ExitCode:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    return ExitCode.BAD_INPUT
