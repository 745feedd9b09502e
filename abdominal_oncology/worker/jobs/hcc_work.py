"""The job ``hcc``: a finding for each lesion of a liver study, with the maps of what was measured on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from abdominal_oncology.hcc.analyze import examine
from abdominal_oncology.hcc.bundles import BUNDLES
from abdominal_oncology.hcc.case import MultiphaseCase
from abdominal_oncology.hcc.lirads.assessment import Assessment
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.hcc.phase_roles import PHASES, PLAIN
from abdominal_oncology.hcc.prepare import Method
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.progress import part
from abdominal_oncology.worker.jobs.hcc import ALL_LESIONS, LESION, LIVER, ORGAN, PHASE
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult
from abdominal_oncology.worker.wire import from_plain


@dataclass(frozen=True)
class _Settings:
    name: str
    priors: Mapping[str, PriorSize]
    split_parts: bool
    warnings: tuple[FindingWarning, ...]
    population: Population | None
    imaged_on: date | None
    overrides: Mapping[str, Mapping[str, Assessment | str | float | None]]
    by: Method
    maps: bool
    bundle: str | None
    device: str


def run(request: JobRequest, context: JobContext) -> JobResult:
    asked: _Settings = from_plain(_Settings, request.settings, "settings of the job hcc")
    context.progress(0.0, "reading outlines")
    case = _case(request, asked)
    context.progress(0.05, "looking for the model")
    predictor, no_network = context.models.predictor("hcc", asked.bundle, BUNDLES, asked.device)
    found = examine(
        case.with_warnings(asked.warnings),
        predictor=predictor,
        population=asked.population,
        imaged_on=asked.imaged_on,
        overrides=asked.overrides,
        by=asked.by,
        progress=part(context.progress, 0.06, 1.0),
    )
    findings = tuple(finding.with_warnings(no_network) for finding in found.findings)
    wanted = found.measured if asked.maps else ()
    maps = {f"{lesion.name}/{name}": image for lesion in wanted for name, image in lesion.maps().items()}
    return JobResult(findings, maps)


def _case(request: JobRequest, asked: _Settings) -> MultiphaseCase:
    phases, livers = _of(request, PHASE), _of(request, LIVER)
    arterial, portal, delayed = (phases.get(role) for role in PHASES)
    return MultiphaseCase.of(
        arterial=arterial,
        portal=portal,
        delayed=delayed,
        non_contrast=phases.get(PLAIN),
        liver=livers.pop("portal", None),
        lesions=request.images.get(ALL_LESIONS) or _of(request, LESION),
        livers=livers,
        organs=_of(request, ORGAN),
        priors=asked.priors,
        split_parts=asked.split_parts,
        name=asked.name,
    )


def _of(request: JobRequest, kind: str) -> dict[str, SliceReader]:
    return {key.removeprefix(kind): reader for key, reader in request.images.items() if key.startswith(kind)}
