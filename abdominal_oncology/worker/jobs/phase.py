"""Asking for the contrast phase of series. Light to import: what does the work is :mod:`~.phase_work`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from abdominal_oncology.errors import AbdominalOncologyError, InvalidInputError, MissingInputError
from abdominal_oncology.imaging.geometry import Vector
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.worker.jobs.request import JobRequest
from abdominal_oncology.worker.wire import to_plain

if TYPE_CHECKING:
    from abdominal_oncology.phase.classify import ClassifySettings


@dataclass(frozen=True)
class Series:
    """One series to classify, or in place of its image why there is none. ``labels`` is a label map whose values
    ``label_names`` names (empty: TotalSegmentator's numbers); ``points`` are (x, y, z) in LPS mm by structure.
    ``warnings`` go into its finding.
    """

    name: str
    image: SliceReader | AbdominalOncologyError
    labels: SliceReader | None = None
    label_names: Mapping[int, str | int] = field(default_factory=dict)
    points: Mapping[str, Sequence[ArrayLike]] = field(default_factory=dict)
    warnings: tuple[FindingWarning, ...] = ()

    @property
    def trouble(self) -> str:
        """Why there is no image; "" where there is one."""
        return str(self.image) if isinstance(self.image, AbdominalOncologyError) else ""


@dataclass(frozen=True)
class SeriesFacts:
    """What travels of a Series beside its images."""

    name: str
    label_names: Mapping[int, str | int]
    points: Mapping[str, tuple[Vector, ...]]
    warnings: tuple[FindingWarning, ...]
    trouble: str = ""


def phase_request(
    series: Sequence[Series],
    *,
    bundle: str | Path | None = None,
    device: str = "auto",
    settings: ClassifySettings | Mapping[str, Any] | None = None,
) -> JobRequest:
    """A finding for each series, in their order.

    ``bundle``: name or path; None takes the one that is installed and does without where there is none; ``none`` asks
    for the kinetics alone. ``settings`` are ClassifySettings, or those of its fields that are not as usual.
    """
    if not series:
        raise MissingInputError("no volume was given", remedy="choose at least one CT series")
    images: dict[str, SliceReader] = {}
    for n, each in enumerate(series):
        if not isinstance(each.image, AbdominalOncologyError):
            images[image_key(n)] = each.image
            if each.labels is not None:
                images[labels_key(n)] = each.labels
    facts = [
        SeriesFacts(
            each.name,
            dict(each.label_names),
            _points(each),
            each.warnings,
            each.trouble,
        )
        for each in series
    ]
    plain = {"series": facts, "classify": settings or {}, "bundle": bundle, "device": device}
    return JobRequest("phase", to_plain(plain), images)


def image_key(n: int) -> str:
    return f"ct {n}"


def labels_key(n: int) -> str:
    return f"labels {n}"


def _points(series: Series) -> dict[str, tuple[Vector, ...]]:
    return {structure: tuple(_point(point, structure) for point in some) for structure, some in series.points.items()}


def _point(point: ArrayLike, structure: str) -> Vector:
    values = np.asarray(point, dtype=np.float64).reshape(-1).tolist()
    if len(values) != 3:
        raise InvalidInputError(f"a point needs (x, y, z), not {values}", where=structure)
    return values[0], values[1], values[2]
