"""``abdominal-oncology hcc``: each lesion of a multiphase liver CT: HCC or not, LI-RADS category, measurements."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import date
from importlib import import_module
from pathlib import Path

from abdominal_oncology.cli.hcc_report import LESIONS, hcc_report
from abdominal_oncology.cli.model import add_model_options, open_predictor
from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table, terminal_progress
from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.files import write_atomically
from abdominal_oncology.hcc.analyze import Analysis, examine
from abdominal_oncology.hcc.bundles import BUNDLES
from abdominal_oncology.hcc.case import MultiphaseCase
from abdominal_oncology.hcc.case_files import CaseFiles
from abdominal_oncology.hcc.finding import case_finding, lesion_row
from abdominal_oncology.hcc.finding_lirads import categorisation_of
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.population import Population, PopulationFact
from abdominal_oncology.hcc.phase_roles import PLAIN, role_warnings
from abdominal_oncology.hcc.prior_study import priors_from_outlines
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.learning.bundle.origin import cautions_of
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.progress import part

FINDINGS = "findings.json"
_ALONE = "measured features and LI-RADS"
_ROLES = ("arterial", "portal", "delayed", PLAIN)


def configure(parser: argparse.ArgumentParser) -> None:
    for role in _ROLES:
        needed = role in ("arterial", "portal")
        parser.add_argument(f"--{role}", required=needed, metavar="F", help="CT file, or a folder of one DICOM series")
    masks = parser.add_argument_group("outlines, drawn on the portal phase (any grid)")
    masks.add_argument("--liver", required=True, metavar="F", help="label map")
    masks.add_argument("--liver-label", type=int, metavar="N", help="where the map holds more than the liver")
    masks.add_argument("--lesions", required=True, nargs="+", metavar="F", help="label maps; every label is a lesion")
    masks.add_argument("--lesion-label", type=int, action="append", default=[], metavar="N", help="only these labels")
    masks.add_argument("--split-parts", action="store_true", help="every connected part is a lesion of its own")
    patient = parser.add_argument_group("patient and study")
    patient.add_argument(
        "--population",
        action="append",
        choices=[*(each.value for each in PopulationFact), "unknown"],
        help="whom LI-RADS is for: an adult with cirrhosis, hbv or hcc-history; repeat for several",
    )
    patient.add_argument("--age-years", type=float)
    patient.add_argument(
        "--phase-finding",
        type=_named,
        action="append",
        default=[],
        metavar="ROLE=JSON",
        help="what the command phase found about this phase: contradictions are told",
    )
    prior = parser.add_argument_group("earlier CT or MR")
    prior.add_argument(
        "--prior-size-mm", type=_named, action="append", default=[], metavar="[LESION=]MM", help="0: it was not there"
    )
    prior.add_argument("--prior-lesions", metavar="F", help="outlines on the earlier study, of the same names or alone")
    prior.add_argument("--prior-months", type=float, metavar="N", help="how long before")
    prior.add_argument("--prior-date", type=_day, metavar="YYYY-MM-DD")
    prior.add_argument("--date", type=_day, metavar="YYYY-MM-DD", help="of this study, for --prior-date")
    how = parser.add_argument_group("how to answer")
    how.add_argument(
        "--override",
        type=_override,
        action="append",
        default=[],
        metavar="LESION:FEATURE=VALUE",
        help="a reader's word in the place of what is measured, as 'lesion 1:aphe=nonrim'",
    )
    how.add_argument("--align", choices=("auto", "image", "rigid"), default="auto", help="how phases are aligned")
    how.add_argument("--output", type=Path, metavar="DIR", help="folder of findings, table and report")
    how.add_argument("--maps", action="store_true", help="enhancement, washout and shell as NIfTI, into DIR/maps")
    add_model_options(how, _ALONE)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.maps and options.output is None:
        raise InvalidInputError("maps need a folder", where="--maps", remedy="name it with --output")
    progress = terminal_progress(quiet=options.json)
    predictor, how = open_predictor(options, "hcc", BUNDLES, _ALONE)
    if predictor is not None:
        import_module("abdominal_oncology.hcc.networks")  # a bundle names its network; importing registers them
    case = _case(options)
    progress(0.1, "outlines read")
    overrides: dict[str, dict[str, str | float | None]] = {}
    for lesion, feature, value in options.override:
        overrides.setdefault(lesion, {})[feature] = value
    found = examine(
        case,
        predictor=predictor,
        population=Population.of(*(options.population or ()), age_years=options.age_years),
        imaged_on=options.date,
        overrides=overrides,
        by=options.align,
        progress=part(progress, 0.1, 0.95),
    )
    whole = case_finding(case.name, found.findings, replace(found.findings[0].provenance, method=how))
    if options.output is not None:
        progress(0.95, "writing")
        _write(options.output, whole, found if options.maps else None)
    progress(1.0, "done")
    _tell(options, whole, how)
    return ExitCode.DONE


def _case(options: argparse.Namespace) -> MultiphaseCase:
    paths = {role: getattr(options, role.replace("-", "_")) for role in _ROLES}
    files = CaseFiles(
        {role: path for role, path in paths.items() if path is not None},
        options.liver,
        options.lesions,
        options.liver_label,
        tuple(options.lesion_label),
        options.split_parts,
        _prior_sizes(options),
        Path(options.portal).name,
    )
    case = files.open()
    if options.prior_lesions:
        outlines = open_reader(options.prior_lesions, modality=Modality.MASK)
        names = [lesion.name for lesion in case.lesions]
        _check_when(options)
        priors = priors_from_outlines(outlines, names, months=options.prior_months, on=options.prior_date)
        case = case.with_priors({**priors, **case.priors})
    return case.with_warnings(role_warnings(_phase_findings(options)))


def _prior_sizes(options: argparse.Namespace) -> dict[str, PriorSize]:
    if not options.prior_size_mm:
        return {}
    _check_when(options)
    try:
        sizes = {name: float(size) for name, size in options.prior_size_mm}
    except ValueError as error:
        raise InvalidInputError("a prior size is a number of mm", where="--prior-size-mm") from error
    return {name: PriorSize(size, months=options.prior_months, on=options.prior_date) for name, size in sizes.items()}


def _check_when(options: argparse.Namespace) -> None:
    if options.prior_months is None and options.prior_date is None:
        raise InvalidInputError(
            "nobody says when the earlier study was", where="--prior-months", remedy="give --prior-months or a date"
        )


def _phase_findings(options: argparse.Namespace) -> dict[str, Finding]:
    found = {}
    for role, path in options.phase_finding:
        if role not in _ROLES:
            raise InvalidInputError(
                f"no phase is called {role!r}", where="--phase-finding", remedy=f"use one of {', '.join(_ROLES)}"
            )
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise MissingInputError(f"cannot read: {error.strerror}", where=path) from error
        except ValueError as error:
            raise InvalidInputError(f"this is no finding: {error}", where=path) from error
        found[role] = Finding.from_dict(values.get("finding") or values)  # the files of a batch hold more than it
    return found


def _write(folder: Path, whole: Finding, drawn: Analysis | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FINDINGS, whole.to_json().encode())
    hcc_report(whole).write(folder)
    if drawn is None:
        return
    maps = folder / "maps"
    maps.mkdir(exist_ok=True)
    for lesion in drawn.measured:
        for kind, image in lesion.maps().items():
            write_volume_file(image, maps / f"{lesion.name.replace(' ', '-').replace('/', '-')}_{kind}.nii.gz")


def _tell(options: argparse.Namespace, whole: Finding, how: str) -> None:
    said = cautions_of(whole.parts)
    if options.json:
        lirads = {each.subject: categorisation_of(each).to_dict() for each in whole.parts}
        print_json({"how": how, "cautions": said, "finding": whole.to_dict(), "li_rads": lirads})
        return
    rows = [lesion_row(each) for each in whole.parts]
    print_table(rows, ("lesion", "decision", "p_hcc", "li_rads", "size_mm", "volume_ml", "location"))
    for row, finding in zip(rows, whole.parts, strict=True):
        print(f"\n{row['lesion']}: {finding.reason}")
        for warning in finding.warnings:
            print(f"  warning: {warning.message}")
    for caution in said:
        print(f"\n{caution}")
    print(f"\n{how}")
    if options.output is not None:
        print(f"findings: {options.output / FINDINGS}\ntable: {options.output / LESIONS}.csv")


def _named(text: str) -> tuple[str, str]:
    """``NAME=VALUE``, or a value alone (then without a name)."""
    name, equals, value = text.rpartition("=")
    return (name.strip(), value.strip()) if equals else ("", text.strip())


def _override(text: str) -> tuple[str, str, str | float | None]:
    lesion, colon, said = text.rpartition(":")
    feature, equals, value = said.partition("=")
    if not (colon and equals and lesion.strip() and value.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not LESION:FEATURE=VALUE, as in 'lesion 1:aphe=nonrim'")
    feature, value = feature.strip().replace("-", "_"), value.strip()
    if feature == "size_mm":
        try:
            return lesion.strip(), feature, float(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{value!r} is no size in mm") from None
    return lesion.strip(), feature, None if value == "unknown" else value


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date like 2026-01-31") from None
