"""The job ``hcc``: a finding for each lesion of a liver study, with the maps of what was measured on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from abdominal_oncology.hcc.analyze import examine
from abdominal_oncology.hcc.bundles import BUNDLES
from abdominal_oncology.hcc.case import PHASES, PLAIN, MultiphaseCase
from abdominal_oncology.hcc.finding_lirads import Overrides
from abdominal_oncology.hcc.lirads.assessment import Assessment
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.hcc.prepare import Method
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.progress import part
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult
from abdominal_oncology.worker.wire import from_plain, to_plain

_PHASE, _LIVER, _LESION, _ORGAN = "phase ", "liver ", "lesion ", "organ "
_ALL_LESIONS = "lesions"


@dataclass(frozen=True)
class LiverStudy:
    """What :meth:`MultiphaseCase.of` takes, still to be read: phases by role (``arterial``, ``portal``, ``delayed``,
    ``non-contrast``), outlines of the liver by the phase they were drawn on (``portal`` at least), lesions by name or
    as one label map, other organs, earlier sizes by lesion. ``warnings`` go into every finding.
    """

    name: str
    phases: Mapping[str, SliceReader]
    livers: Mapping[str, SliceReader]
    lesions: Mapping[str, SliceReader] | SliceReader
    organs: Mapping[str, SliceReader] = field(default_factory=dict)
    priors: Mapping[str, PriorSize] = field(default_factory=dict)
    split_parts: bool = False
    warnings: tuple[FindingWarning, ...] = ()


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


def hcc_request(
    study: LiverStudy,
    *,
    population: Population | None = None,
    imaged_on: date | None = None,
    overrides: Mapping[str, Overrides] | None = None,
    by: Method = "auto",
    maps: bool = True,
    bundle: str | Path | None = None,
    device: str = "auto",
) -> JobRequest:
    """A finding for each lesion, in their order; with ``maps``, images called ``lesion/map``. ``bundle``: name or path;
    None takes the one that is installed and does without where there is none; ``none`` asks for no network.
    """
    images = {f"{_PHASE}{role}": reader for role, reader in study.phases.items()}
    images |= {f"{_LIVER}{role}": reader for role, reader in study.livers.items()}
    images |= {f"{_ORGAN}{name}": reader for name, reader in study.organs.items()}
    if isinstance(study.lesions, Mapping):
        images |= {f"{_LESION}{name}": reader for name, reader in study.lesions.items()}
    else:
        images[_ALL_LESIONS] = study.lesions
    settings = _Settings(
        study.name,
        dict(study.priors),
        study.split_parts,
        study.warnings,
        population,
        imaged_on,
        {lesion: dict(said) for lesion, said in (overrides or {}).items()},
        by,
        maps,
        None if bundle is None else str(bundle),
        device,
    )
    return JobRequest("hcc", to_plain(settings), images)


def run(request: JobRequest, context: JobContext) -> JobResult:
    settings: _Settings = from_plain(_Settings, request.settings, "settings of the job hcc")
    context.progress(0.0, "reading outlines")
    case = _case(request, settings)
    context.progress(0.05, "looking for the model")
    predictor, no_network = context.models.predictor("hcc", settings.bundle, BUNDLES, settings.device)
    found = examine(
        case.with_warnings(settings.warnings),
        predictor=predictor,
        population=settings.population,
        imaged_on=settings.imaged_on,
        overrides=settings.overrides,
        by=settings.by,
        progress=part(context.progress, 0.06, 1.0),
    )
    findings = tuple(finding.with_warnings(no_network) for finding in found.findings)
    wanted = found.measured if settings.maps else ()
    maps = {f"{lesion.name}/{name}": image for lesion in wanted for name, image in lesion.maps().items()}
    return JobResult(findings, maps)


def _case(request: JobRequest, settings: _Settings) -> MultiphaseCase:
    phases, livers = _of(request, _PHASE), _of(request, _LIVER)
    arterial, portal, delayed = (phases.get(role) for role in PHASES)
    return MultiphaseCase.of(
        arterial=arterial,
        portal=portal,
        delayed=delayed,
        non_contrast=phases.get(PLAIN),
        liver=livers.pop("portal", None),
        lesions=request.images.get(_ALL_LESIONS) or _of(request, _LESION),
        livers=livers,
        organs=_of(request, _ORGAN),
        priors=settings.priors,
        split_parts=settings.split_parts,
        name=settings.name,
    )


def _of(request: JobRequest, kind: str) -> dict[str, SliceReader]:
    return {key.removeprefix(kind): reader for key, reader in request.images.items() if key.startswith(kind)}
