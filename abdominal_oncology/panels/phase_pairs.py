"""The volumes of a scene as multiphase sets. Imported when a study is paired, not with the panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.phase.locate import Slab, locate_slab
from abdominal_oncology.phase.series_finding import SeriesFinding
from abdominal_oncology.phase.study import PairedStudy, pair_study
from abdominal_oncology.phase.trusted_reader import TrustedReader
from abdominal_oncology.phase.whole_finding import abdomen_mm
from abdominal_oncology.scene.nodes import Node, require_node
from abdominal_oncology.scene.rename import plain_name
from abdominal_oncology.scene.volumes import reader_from_volume_node


def pair_volumes(volumes: Sequence[Node], findings: Sequence[Finding | None]) -> PairedStudy:
    """Series are named by the IDs of their nodes and called as these are."""
    if len(volumes) != len(findings):
        raise InvalidInputError(
            f"{len(findings)} findings for {len(volumes)} volumes", remedy="give one finding, or None, for each volume"
        )
    candidates = []
    for node, finding in zip(volumes, findings, strict=True):
        require_node(node, "vtkMRMLScalarVolumeNode", "volume")
        reader = reader_from_volume_node(node)
        known = None if finding is None else abdomen_mm(finding)
        looks = known is None and finding is not None and finding.decision is not None
        series = SeriesFinding.of_reader(
            node.GetID(), reader, finding, _slab(reader) if looks else None, plain_name(node)
        )
        candidates.append(series if known is None else replace(series, abdomen_mm=known))
    return pair_study(candidates)


def _slab(reader: SliceReader) -> Slab | None:
    try:
        return locate_slab(TrustedReader(reader))
    except InvalidInputError:  # not axial: pairing has its own word on that
        return None
