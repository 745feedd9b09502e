"""The contrast phase of one CT series: kinetics where regions are found, a network where there is one, checks always.

Needs no torch: a predictor is handed in, and without one the kinetics answer alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.axial import AxialView, axial_view
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding, FindingWarning, Provenance
from abdominal_oncology.phase.checks import (
    as_warnings,
    gut_warnings,
    header_warnings,
    not_ct,
    require_ct,
    slab_to_sample,
)
from abdominal_oncology.phase.decide import votes_finding
from abdominal_oncology.phase.description import with_description
from abdominal_oncology.phase.kinetic_finding import kinetic_finding
from abdominal_oncology.phase.kinetics import KineticEstimate, estimate
from abdominal_oncology.phase.locate import Slab, find_regions, locate_slab
from abdominal_oncology.phase.locate.upright import spread_evenly
from abdominal_oncology.phase.measure_regions import measure_regions
from abdominal_oncology.phase.prepare import SlicePreparation
from abdominal_oncology.phase.region_hu import RegionHU
from abdominal_oncology.phase.sampling import random_slices
from abdominal_oncology.phase.trusted_reader import TrustedReader
from abdominal_oncology.phase.voting_stream import CHUNK, Voted, vote_on
from abdominal_oncology.phase.voxel_scale import ValueCheck, judge_values
from abdominal_oncology.phase.whole_finding import Voices, whole_finding, withheld
from abdominal_oncology.progress import Progress, part, silent

if TYPE_CHECKING:
    from abdominal_oncology.learning.predictor import Predictor

_AS_TOLD = False, False
_LOOKED_AT = 28  # the slices that the abdomen is located on; they are decoded once


@dataclass(frozen=True)
class ClassifySettings:
    """``fraction`` of the slices is read in the order that ``seed`` draws. ``sequential_error``: stop at this error
    rate (None: only when the answer is certain). ``region`` samples only the slab of liver and kidneys (None: as the
    bundle was made). ``kinetics`` finds regions by itself where none are given. ``threshold``: the least probability
    that is answered (None: the bundle's)."""

    fraction: float = 0.3
    seed: int = 0
    sequential_error: float | None = None
    region: bool | None = None
    kinetics: bool = True
    regions_given: tuple[RegionHU, ...] = ()
    threshold: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise InvalidInputError(f"fraction is a share of the slices, above 0 and up to 1, not {self.fraction:g}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InvalidInputError(f"a threshold is a probability, not {self.threshold:g}")


_USUAL = ClassifySettings()


def classify(
    subject: Case | SliceReader,
    *,
    predictor: Predictor | None = None,
    settings: ClassifySettings = _USUAL,
    segmentation: Image | None = None,
    segment_names: Mapping[int, str | int] | None = None,
    progress: Progress = silent,
) -> Finding:
    """The phase of a series, or of the image ``ct`` of a case. Memory does not grow with the number of slices.

    ``segmentation`` is a label map whose values ``segment_names`` names (None: TotalSegmentator's numbers); without
    one, regions are found automatically. Raises WrongModalityError for what its header or its values show to be no CT;
    what is wrong with a CT ends in a warning or in a finding without decision.
    """
    started = time.perf_counter()
    reader = subject.image("ct") if isinstance(subject, Case) else subject
    name = subject.case if isinstance(subject, Case) else reader.source.called("series")
    measures = settings.kinetics or bool(settings.regions_given) or segmentation is not None
    if predictor is None and not measures:
        raise InvalidInputError("there is nothing to answer with", remedy="allow kinetics, or name a bundle")
    if predictor is not None and predictor.model.facts.task != "phase":
        made = predictor.model.facts
        raise InvalidInputError(f"this bundle is for the task {made.task}, not phase", where=made.name)
    require_ct(reader)
    view = axial_view(reader.geometry, reader.source.path or name)
    progress(0.0, "looking at the values")
    trusted, check = _trusted(reader, _first_look(reader, settings, segmentation, predictor))
    facts = reader.source.header
    warnings = [*check.warnings, *header_warnings(facts)]
    if check.fault:
        warnings.append(FindingWarning(check.code, check.fault))
        finding = withheld(name, f"cannot tell: {check.fault}", warnings, _provenance(settings))
        return with_description(finding, facts).taking(time.perf_counter() - started)
    finds = _finds(settings, segmentation)
    looks = finds or _wants_region(settings, predictor)
    progress(0.05, "locating the abdomen" if looks else "reading slices")

    def kinetics() -> _Kinetics:
        began = time.perf_counter()
        regions, doubts = _regions(trusted, settings, segmentation, segment_names, located.result() if finds else None)
        found = estimate(regions) if measures else None
        spent = time.perf_counter() - began
        return _Kinetics(found, _of_kinetics(name, found, regions, settings, spent), doubts)

    # a network leaves the interpreter free, and the abdomen and regions are found on one core meanwhile
    with ThreadPoolExecutor(1, thread_name_prefix="kinetics") as beside:
        located = beside.submit(lambda: locate_slab(trusted) if looks else None)
        measured = beside.submit(kinetics)
        network = _of_network(name, trusted, view, located, predictor, settings, part(progress, 0.1, 0.9))
        progress(0.9, "measuring the segmentation" if segmentation is not None else "finding regions")
        slab, kinetic = located.result(), measured.result()
    warnings += as_warnings(slab.warnings) if slab is not None else []
    warnings += kinetic.warnings
    voices = Voices(kinetic.estimate, kinetic.finding, network, slab, tuple(sorted(trusted.read_once)))
    least = settings.threshold if settings.threshold is not None else _least(predictor)
    finding = whole_finding(name, reader, voices, list(dict.fromkeys(warnings)), _provenance(settings), least)
    progress(1.0, "done")
    return finding.taking(time.perf_counter() - started)


def _first_look(
    reader: SliceReader, settings: ClassifySettings, segmentation: Image | None, predictor: Predictor | None
) -> tuple[int, ...]:
    """Slices whose values are judged: those that will be read anyway."""
    count = reader.geometry.shape[0]
    if _finds(settings, segmentation) or _wants_region(settings, predictor) or predictor is None:
        return spread_evenly(0, count, _LOOKED_AT)
    return tuple(int(k) for k in random_slices(count, settings.fraction * 100, settings.seed)[:CHUNK])


def _finds(settings: ClassifySettings, segmentation: Image | None) -> bool:
    return settings.kinetics and not settings.regions_given and segmentation is None


def _trusted(reader: SliceReader, first: tuple[int, ...]) -> tuple[TrustedReader, ValueCheck]:
    """The reader with its values put right, where they can be."""
    voxels = reader.read(first)
    check = judge_values(voxels, is_ct=reader.modality is Modality.CT)
    if reader.modality is not Modality.CT and check.fault and check.code != "all-air":
        raise not_ct(reader, check.fault)
    trusted = TrustedReader(reader, check.offset_hu)
    trusted.keep(first, voxels)
    return trusted, check


@dataclass(frozen=True)
class _Kinetics:
    estimate: KineticEstimate | None
    finding: Finding | None
    warnings: list[FindingWarning]


def _regions(
    reader: TrustedReader,
    settings: ClassifySettings,
    segmentation: Image | None,
    segment_names: Mapping[int, str | int] | None,
    slab: Slab | None,
) -> tuple[tuple[RegionHU, ...], list[FindingWarning]]:
    """Those given, those of the label map, or those found in the ``slab``; and what is doubtful about them."""
    if slab is None:
        more = () if segmentation is None else measure_regions(reader, segmentation, segment_names)
        return (*settings.regions_given, *more), []
    found = find_regions(reader, slab)
    warnings = [*as_warnings(found.warnings), *gut_warnings(reader, slab)]
    if not found.regions:
        warnings.append(FindingWarning("region-not-found", "neither vessel nor organ was found to measure"))
    return found.regions, warnings


def _of_kinetics(
    name: str,
    found: KineticEstimate | None,
    regions: tuple[RegionHU, ...],
    settings: ClassifySettings,
    spent: float,
) -> Finding | None:
    if found is None:
        return None
    return kinetic_finding(name, found, regions, threshold=settings.threshold or 0.0, seconds=spent)


def _of_network(
    name: str,
    reader: TrustedReader,
    view: AxialView,
    located: Future[Slab | None],
    predictor: Predictor | None,
    settings: ClassifySettings,
    progress: Progress,
) -> Finding | None:
    """What the network says, of slices turned as the header says; once more if they turn out to lie otherwise."""
    if predictor is None:
        return None
    started = time.perf_counter()
    facts = predictor.model.facts
    preparation = SlicePreparation.from_mapping(facts.preparation)
    slab = located.result() if _wants_region(settings, predictor) else None
    within = None if slab is None else slab_to_sample(slab)
    order = [int(k) for k in random_slices(reader.geometry.shape[0], settings.fraction * 100, settings.seed, within)]

    def vote(flipped: tuple[bool, bool]) -> Voted:
        rows, columns = flipped
        seen = replace(view, flip_rows=view.flip_rows != rows, flip_columns=view.flip_columns != columns)
        return vote_on(reader, seen, order, predictor, preparation, settings.sequential_error, progress)

    flipped = _AS_TOLD if slab is None else slab.flipped
    voted = vote(flipped)
    late = located.result()
    if late is not None and late.flipped != flipped:  # the header was wrong, which is rare: once more
        voted = vote(late.flipped)
    made_by = predictor.provenance()
    spent = round(time.perf_counter() - started, 4)
    made_by = replace(made_by, seconds=spent, settings={**made_by.settings, **_plain(settings), "chunk": CHUNK})
    return votes_finding(name, reader, voted.positions, voted.answers, voted.vote, facts, made_by, settings.threshold)


def _least(predictor: Predictor | None) -> float:
    return 0.0 if predictor is None else predictor.model.facts.thresholds.get("abstain", 0.0)


def _wants_region(settings: ClassifySettings, predictor: Predictor | None) -> bool:
    if predictor is None:
        return False
    if settings.region is not None:
        return settings.region
    return SlicePreparation.from_mapping(predictor.model.facts.preparation).region


def _provenance(settings: ClassifySettings) -> Provenance:
    from abdominal_oncology import __version__

    return Provenance("", software=f"AbdominalOncology {__version__}", settings=_plain(settings))


def _plain(settings: ClassifySettings) -> dict[str, float | int | bool | None]:
    return {
        "fraction": settings.fraction,
        "seed": settings.seed,
        "sequential_error": settings.sequential_error,
        "region": settings.region,
        "kinetics": settings.kinetics,
        "threshold": settings.threshold,
    }
