"""What is asked of LiverHCC, as a job, and which nodes the answer is of.

A window waits for what is done here: nodes are named, and voxels are read only to measure outlines of an earlier study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abdominal_oncology.hcc.finding_lirads import Overrides
    from abdominal_oncology.hcc.lirads.growth import PriorSize
    from abdominal_oncology.hcc.lirads.population import Population
    from abdominal_oncology.learning.finding import Finding, FindingWarning
    from abdominal_oncology.scene.hcc_nodes import LiverNodes
    from abdominal_oncology.worker.jobs.request import JobRequest


@dataclass(frozen=True)
class LiverQuestion:
    """Nodes (their lesions are chosen), and what is known of patient and earlier study. ``priors`` by the identifier of
    a lesion's segment; ``warnings`` go into every finding.
    """

    nodes: LiverNodes
    population: Population
    priors: Mapping[str, PriorSize | None] = field(default_factory=dict)
    imaged_on: date | None = None
    overrides: Mapping[str, Overrides] = field(default_factory=dict)
    bundle: str | Path | None = None
    device: str = "auto"
    warnings: Sequence[FindingWarning] = ()


def request_of(question: LiverQuestion) -> JobRequest:
    """The job. What is wrong with the choices is a named error; what only voxels can tell the worker will say."""
    from abdominal_oncology.hcc.phase_roles import role_warnings
    from abdominal_oncology.scene.hcc_nodes import check_lesions, check_volumes, find_chosen_lesions, find_liver
    from abdominal_oncology.scene.phase_fact import finding_of
    from abdominal_oncology.scene.rename import plain_name
    from abdominal_oncology.scene.segment_reader import reader_from_segment
    from abdominal_oncology.scene.volumes import reader_from_volume_node
    from abdominal_oncology.worker.jobs.hcc import LiverStudy, hcc_request

    nodes = question.nodes
    check_volumes(nodes)
    liver, lesions = find_liver(nodes), find_chosen_lesions(nodes)
    check_lesions(lesions, nodes.segmentation)
    names = {each.id: each.name for each in lesions}
    priors = {names[segment]: prior for segment, prior in question.priors.items() if prior and segment in names}
    if nodes.prior is not None:
        from abdominal_oncology.scene.hcc_lesions import priors_of

        priors |= priors_of(nodes.prior, list(names.values()))
    found = role_warnings({role: finding_of(node) for role, node in nodes.volumes.items()})
    study = LiverStudy(
        plain_name(nodes.portal),
        {role: reader_from_volume_node(node) for role, node in nodes.volumes.items()},
        {"portal": reader_from_segment(nodes.segmentation, liver.id, nodes.portal)},
        {each.name: reader_from_segment(nodes.segmentation, each.id, nodes.portal) for each in lesions},
        priors=priors,
        warnings=(*question.warnings, *found),
    )
    return hcc_request(
        study,
        population=question.population,
        imaged_on=question.imaged_on,
        overrides=question.overrides,
        bundle=question.bundle,
        device=question.device,
    )


def with_nodes(findings: Sequence[Finding], nodes: LiverNodes) -> list[Finding]:
    """Findings that say which nodes and which segment they are of; a segment may be gone by now."""
    from abdominal_oncology.scene.segments import segments

    inputs = {role: node.GetID() for role, node in nodes.volumes.items()}
    inputs["segmentation"] = nodes.segmentation.GetID()
    chosen = nodes.lesion_segments or ()
    known = {each.name: each.id for each in segments(nodes.segmentation) if each.id in chosen}
    return [
        replace(each, provenance=replace(each.provenance, inputs={**inputs, "segment": known.get(each.subject, "")}))
        for each in findings
    ]
