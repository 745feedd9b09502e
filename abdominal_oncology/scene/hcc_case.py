"""Nodes → a liver case: volumes by phase, the liver's segment, lesions from other segments, an earlier study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from abdominal_oncology.errors import InvalidInputError, MissingInputError, SceneError
from abdominal_oncology.hcc.case import MultiphaseCase
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.phase_roles import PLAIN, role_warnings
from abdominal_oncology.hcc.prior_study import priors_from_outlines
from abdominal_oncology.imaging.crop import crop_to_index
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.scene.grids import geometry_of_volume_node
from abdominal_oncology.scene.hcc_nodes import (
    LiverNodes,
    Prior,
    PriorStudy,
    check_lesions,
    check_volumes,
    find_chosen_lesions,
    find_liver,
    why_no_lesion,
)
from abdominal_oncology.scene.nodes import Node, describe
from abdominal_oncology.scene.phase_fact import finding_of
from abdominal_oncology.scene.rename import plain_name
from abdominal_oncology.scene.segment_masks import mask_from_segment
from abdominal_oncology.scene.segments import SegmentInfo, segments
from abdominal_oncology.scene.volumes import reader_from_volume_node

_IN_LIVER = 0.5
_MOST_VOXELS = 20_000


@dataclass(frozen=True)
class SceneCase:
    """The case, and the identifiers of its lesions' segments by their names."""

    case: MultiphaseCase
    segment_ids: Mapping[str, str] = field(default_factory=dict)


def case_from_nodes(nodes: LiverNodes) -> SceneCase:
    """Volumes are views of their nodes' memory. Contrast phases found before on the volumes are compared with the
    roles that these were given; a contradiction becomes a warning.
    """
    check_volumes(nodes)
    grid = geometry_of_volume_node(nodes.portal)
    liver = find_liver(nodes)
    liver_mask = _outline(nodes.segmentation, liver.id, grid)
    chosen, left_out = _lesions(nodes, liver, liver_mask, grid)
    check_lesions(chosen, nodes.segmentation)
    masks = {each.name: _outline(nodes.segmentation, each.id, grid) for each in chosen}
    readers = {role: reader_from_volume_node(node) for role, node in nodes.volumes.items()}
    case = MultiphaseCase.of(
        arterial=readers["arterial"],
        portal=readers["portal"],
        delayed=readers.get("delayed"),
        non_contrast=readers.get(PLAIN),
        liver=liver_mask,
        lesions=masks,
        name=plain_name(nodes.portal),
    )
    case = case.with_priors(_priors(nodes.prior, [lesion.name for lesion in case.lesions]))
    found = role_warnings({role: finding_of(node) for role, node in nodes.volumes.items()})
    return SceneCase(case.with_warnings([*left_out, *found]), {each.name: each.id for each in chosen})


def lesion_segments(segmentation: Node, liver: SegmentInfo, liver_mask: Image) -> dict[str, str]:
    """By identifier of each segment that is not the liver: empty where it is taken for a lesion, else why not.

    What is coded or named as anatomy is none, nor is a part of a lesion (capsule, necrosis). A lesion by its code or
    name, and a segment that nobody can name, is one where most of it lies in the liver; a *liver* lesion wherever.
    """
    told = {}
    for each in segments(segmentation):
        if each.id == liver.id:
            continue
        why_not = why_no_lesion(each)
        told[each.id] = _why_elsewhere(segmentation, each.id, liver_mask) if why_not is None else why_not
    return told


def _why_elsewhere(segmentation: Node, segment_id: str, liver_mask: Image) -> str:
    try:
        mask = _outline(segmentation, segment_id, liver_mask.geometry)
    except (SceneError, InvalidInputError, MissingInputError) as trouble:
        return str(trouble)
    inside = _share_inside(mask, liver_mask)
    return "" if inside >= _IN_LIVER else f"{inside:.0%} of it lies in the liver"


def _lesions(
    nodes: LiverNodes, liver: SegmentInfo, liver_mask: Image, grid: Geometry
) -> tuple[list[SegmentInfo], list[FindingWarning]]:
    if nodes.lesion_segments is not None:
        return find_chosen_lesions(nodes), []
    told = lesion_segments(nodes.segmentation, liver, liver_mask)
    present = segments(nodes.segmentation)
    chosen = [each for each in present if told.get(each.id) == ""]
    names = {each.id: each.name for each in present}
    if not chosen:
        why = "; ".join(f"{names[each]}: {reason}" for each, reason in told.items())
        raise MissingInputError(
            "no segment is a lesion of the liver" + (f" ({why})" if why else ""),
            where=describe(nodes.segmentation),
            remedy="draw the lesion as a segment, or choose its segment",
        )
    unsure = [f"{names[each]} ({reason})" for each, reason in told.items() if reason.endswith("in the liver")]
    text = f"segments that were not taken for lesions: {', '.join(unsure)}"
    return chosen, [FindingWarning("segments_left_out", text)] if unsure else []


def _outline(segmentation: Node, segment_id: str, portal: Geometry) -> Image:
    """A segment on its own grid with a voxel around it; on the portal grid where its own cannot be one."""
    try:
        mask = mask_from_segment(segmentation, segment_id)
    except SceneError:  # under a shearing or bending transform
        return mask_from_segment(segmentation, segment_id, portal)
    return crop_to_index(mask, (-1, -1, -1), [n + 1 for n in mask.geometry.shape])


def _share_inside(mask: Image, liver: Image) -> float:
    index = np.argwhere(mask.voxels)
    index = index[:: len(index) // _MOST_VOXELS + 1]
    points = mask.geometry.to_world(index)
    at = np.rint(liver.geometry.to_index(points)).astype(int)
    known = ((at >= 0) & (at < liver.geometry.shape)).all(axis=1)
    k, j, i = at[known].T
    return float(np.count_nonzero(liver.voxels[k, j, i])) / len(index)


def _priors(prior: Prior | None, names: Sequence[str]) -> dict[str, PriorSize]:
    if prior is None:
        return {}
    if isinstance(prior, PriorSize):
        if len(names) > 1:
            raise InvalidInputError(
                f"a prior size is given, but there are {len(names)} lesions",
                where="prior",
                remedy=f"say which it is of: {', '.join(names)}",
            )
        return {names[0]: prior}
    if isinstance(prior, PriorStudy):
        outlines = {each.name: mask_from_segment(prior.segmentation, each.id) for each in segments(prior.segmentation)}
        named = {name: mask for name, mask in outlines.items() if name in names} or outlines
        return priors_from_outlines(named, names, months=prior.months, on=prior.on)
    return dict(prior)
