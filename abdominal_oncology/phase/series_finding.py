"""A classified series as the pairing of a study sees it: its finding, where it lies, what its header says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Modality, Source
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.locate.slab import Slab
from abdominal_oncology.phase.locate.upright import slice_heights_mm

Extent = tuple[float, float]
"""From and to which LPS z, in mm, something reaches."""

_SURE_OF_SLAB = 0.5


@dataclass(frozen=True)
class SeriesFinding:
    """``name`` is unique in its study; ``label`` is for people. ``finding`` None: nobody tried to classify it.

    ``abdomen_mm`` is where liver and kidneys were located in it, in mm of its frame of reference.
    """

    name: str
    finding: Finding | None
    geometry: Geometry
    source: Source = field(default_factory=Source)
    modality: Modality = Modality.CT
    abdomen_mm: Extent | None = None
    label: str = ""

    @classmethod
    def of_reader(
        cls, name: str, reader: SliceReader, finding: Finding | None, slab: Slab | None = None, label: str = ""
    ) -> SeriesFinding:
        """``slab``: what :func:`~abdominal_oncology.phase.locate.locate_slab` found, if it was asked."""
        where = None if slab is None else abdomen_of(reader.geometry, slab)
        return cls(name, finding, reader.geometry, reader.source, reader.modality, where, label)

    @property
    def header(self) -> Mapping[str, Any]:
        return self.source.header

    @property
    def title(self) -> str:
        """How a person calls it."""
        described = [self.header.get(keyword) for keyword in ("SeriesNumber", "SeriesDescription")]
        return self.label or ": ".join(str(each) for each in described if each not in (None, "")) or self.name

    @property
    def phase(self) -> Phase | None:
        """The phase of the finding, where it has one."""
        decision = None if self.finding is None else self.finding.decision
        return Phase(decision) if decision in set(Phase) else None

    @property
    def extent_mm(self) -> Extent:
        """The outer ends along z."""
        z = self.geometry.corners_mm()[:, 2]
        return float(z.min()), float(z.max())

    @property
    def image_type(self) -> tuple[str, ...]:
        """The words of ImageType, in capitals."""
        value = self.header.get("ImageType") or ()
        words = value.split("\\") if isinstance(value, str) else value
        return tuple(str(word).strip().upper() for word in words)


def abdomen_of(geometry: Geometry, slab: Slab) -> Extent | None:
    """Where along z the slab reaches; None where it was not located with certainty, or z is wrong."""
    if not slab.found or slab.confidence < _SURE_OF_SLAB or slab.upside_down:
        return None
    z = slice_heights_mm(geometry)[slab.start : slab.stop]
    half = geometry.spacing_mm[0] / 2
    return float(z.min()) - half, float(z.max()) + half


def overlap_mm(first: Extent, second: Extent) -> float:
    """How much of z two extents share.

    >>> overlap_mm((0.0, 100.0), (60.0, 300.0)), overlap_mm((0.0, 1.0), (2.0, 3.0))
    (40.0, 0.0)
    """
    return max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
