"""What the LiverHCC's logic does: nodes in, findings out. Imported on the first click, not with the panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.analyze import Analysis, examine
from abdominal_oncology.hcc.bundles import BUNDLES
from abdominal_oncology.hcc.finding_lirads import Overrides
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.progress import Progress, part
from abdominal_oncology.scene.hcc_case import case_from_nodes
from abdominal_oncology.scene.hcc_nodes import LiverNodes
from abdominal_oncology.worker.models import Models


@dataclass(frozen=True)
class Request:
    """What to answer with. ``population``: names as the command line takes them, or a :class:`Population`."""

    bundle: str | Path | None = None
    population: Population | str | Sequence[str] | None = None
    imaged_on: date | None = None
    overrides: Mapping[str, Overrides] | None = None


def analyze_nodes(nodes: LiverNodes, models: Models, request: Request, progress: Progress) -> Analysis:
    """The findings, and what they were measured from."""
    progress(0.0, "looking at the segments")
    in_scene = case_from_nodes(nodes)
    predictor, no_network = models.predictor("hcc", request.bundle, BUNDLES)
    found = examine(
        in_scene.case,
        predictor=predictor,
        population=_population(request.population),
        imaged_on=request.imaged_on,
        overrides=request.overrides,
        progress=part(progress, 0.05, 1.0),
    )
    inputs = {role: node.GetID() for role, node in nodes.volumes.items()}
    inputs["segmentation"] = nodes.segmentation.GetID()

    def told(finding: Finding) -> Finding:
        segment = {"segment": in_scene.segment_ids[finding.subject]} if finding.subject in in_scene.segment_ids else {}
        return replace(
            finding.with_warnings(no_network), provenance=replace(finding.provenance, inputs={**inputs, **segment})
        )

    return replace(found, findings=tuple(told(each) for each in found.findings))


def maps_of(found: Analysis | None, findings: Sequence[Finding]) -> dict[str, dict[str, Image]]:
    """Maps of the lesions by name. They are drawn from what was measured, which is not kept with the scene."""
    measured = {} if found is None else {each.name: each for each in found.measured}
    known = set() if found is None else {_origin(each) for each in found.findings}
    missing = [each.subject for each in findings if each.subject not in measured or _origin(each) not in known]
    if missing:
        raise InvalidInputError(
            f"nothing is measured any more to draw maps of {', '.join(missing)}", remedy="analyze once more"
        )
    return {each.subject: measured[each.subject].maps() for each in findings}


def _origin(finding: Finding) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Which lesion of which nodes a finding is of, whatever a reader has said since."""
    return finding.subject, tuple(sorted(finding.provenance.inputs.items()))


def _population(given: Population | str | Sequence[str] | None) -> Population:
    if isinstance(given, Population):
        return given
    return Population.of(*([given] if isinstance(given, str) else given or ()))
