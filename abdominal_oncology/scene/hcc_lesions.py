"""Which segments of a study are lesions, and what an earlier study says of them. Segments are read for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from abdominal_oncology.errors import InvalidInputError, MissingInputError, SceneError
from abdominal_oncology.hcc.lirads.growth import PriorSize
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
    check_volumes,
    find_chosen_lesions,
    find_liver,
    why_no_lesion,
)
from abdominal_oncology.scene.nodes import Node, describe
from abdominal_oncology.scene.segment_masks import mask_from_segment
from abdominal_oncology.scene.segments import SegmentInfo, segments

_IN_LIVER = 0.5
_MOST_VOXELS = 20_000


def with_lesions(nodes: LiverNodes) -> tuple[LiverNodes, list[FindingWarning]]:
    """The same nodes with their lesions' segments named by identifier, and which segments were left out in doubt."""
    check_volumes(nodes)
    liver = find_liver(nodes)
    if nodes.lesion_segments is not None:
        return replace(nodes, lesion_segments=[each.id for each in find_chosen_lesions(nodes)]), []
    liver_mask = _outline(nodes.segmentation, liver.id, geometry_of_volume_node(nodes.portal))
    chosen, left_out = _lesions(nodes, liver, liver_mask)
    return replace(nodes, lesion_segments=[each.id for each in chosen]), left_out


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
    nodes: LiverNodes, liver: SegmentInfo, liver_mask: Image
) -> tuple[list[SegmentInfo], list[FindingWarning]]:
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


def priors_of(prior: Prior | None, names: Sequence[str]) -> dict[str, PriorSize]:
    """Earlier sizes of the lesions ``names``, measured where an earlier study's outlines are given."""
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
