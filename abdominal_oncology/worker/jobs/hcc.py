"""Asking for the lesions of a liver study. Light to import: what does the work is :mod:`~.hcc_work`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.worker.jobs.request import JobRequest, JobResult
from abdominal_oncology.worker.wire import to_plain

if TYPE_CHECKING:
    from abdominal_oncology.hcc.finding_lirads import Overrides
    from abdominal_oncology.hcc.lirads.growth import PriorSize
    from abdominal_oncology.hcc.lirads.population import Population
    from abdominal_oncology.hcc.prepare import Method
    from abdominal_oncology.imaging.image import Image

PHASE, LIVER, LESION, ORGAN = "phase ", "liver ", "lesion ", "organ "
ALL_LESIONS = "lesions"


@dataclass(frozen=True)
class LiverStudy:
    """What a MultiphaseCase is made of, still to be read: phases by role (``arterial``, ``portal``, ``delayed``,
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


def maps_of(result: JobResult) -> dict[str, dict[str, Image]]:
    """The maps of an answer by lesion and kind."""
    found: dict[str, dict[str, Image]] = {}
    for name, image in result.images.items():
        lesion, _, kind = name.rpartition("/")
        found.setdefault(lesion, {})[kind] = image
    return found


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
    """A finding for each lesion, in their order; with ``maps``, images called ``lesion/map``.

    ``bundle``: name or path; None takes the one that is installed and does without where there is none; ``none`` asks
    for no network.
    """
    images = {f"{PHASE}{role}": reader for role, reader in study.phases.items()}
    images |= {f"{LIVER}{role}": reader for role, reader in study.livers.items()}
    images |= {f"{ORGAN}{name}": reader for name, reader in study.organs.items()}
    if isinstance(study.lesions, Mapping):
        images |= {f"{LESION}{name}": reader for name, reader in study.lesions.items()}
    else:
        images[ALL_LESIONS] = study.lesions
    plain = {
        "name": study.name,
        "priors": study.priors,
        "split_parts": study.split_parts,
        "warnings": study.warnings,
        "population": population,
        "imaged_on": imaged_on,
        "overrides": overrides or {},
        "by": by,
        "maps": maps,
        "bundle": bundle,
        "device": device,
    }
    return JobRequest("hcc", to_plain(plain), images)
