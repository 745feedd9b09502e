"""Which volume is which phase of a liver study: what the parameters say, and sensible choices where they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.panels.choices import volumes_of

VIEWED: Mapping[str, str] = MappingProxyType(
    {"arterial": "arterialVolume", "portal": "portalVolume", "delayed": "delayedVolume"}
)
"""Names of the parameters by role, of the phases that are seen side by side."""
VOLUMES: Mapping[str, str] = MappingProxyType({**VIEWED, "non-contrast": "nonContrastVolume"})


def chosen_volumes(parameters: Any, names: Mapping[str, str] = VOLUMES) -> dict[str, Any]:
    """The volumes that are chosen, by role."""
    found = {role: getattr(parameters, name) for role, name in names.items()}
    return {role: node for role, node in found.items() if node is not None}


class PhaseFiller:
    """Fills roles that are open. Where arterial and portal phase are chosen, only with volumes that came since: a
    delayed phase that is loaded last is taken, but none that the person has left out.
    """

    def __init__(self) -> None:
        self._offered: set[str] = set()

    def fill(self, parameters: Any) -> None:
        """Choose from the CT volumes of the scene."""
        volumes = volumes_of("CT")
        new = {node.GetID() for node in volumes} - self._offered
        is_first = not self._offered
        self._offered |= new
        chosen = chosen_volumes(parameters)
        is_complete = {"arterial", "portal"} <= chosen.keys()
        taken = {node.GetID() for node in chosen.values()}
        free = [node for node in volumes if node.GetID() not in taken]
        if not free or (is_complete and (is_first or not new)):
            return
        for role, node in phases_of(free).items():
            if role not in chosen and (not is_complete or node.GetID() in new):
                setattr(parameters, VOLUMES[role], node)


def phases_of(volumes: Sequence[Any]) -> dict[str, Any]:
    """Volumes by role: by what PhaseClassifier found, and where that leaves a role open by what they are called."""
    from abdominal_oncology.scene.hcc_nodes import phases_by_finding
    from abdominal_oncology.scene.phase_fact import finding_of

    found: dict[str, Any] = {}
    looked_at = [node for node in volumes if finding_of(node) is not None]
    if looked_at:
        try:
            found = phases_by_finding(looked_at)
        except MissingInputError:  # one of the two that are needed is not among them: names may still tell
            found = {}
    taken = {node.GetID() for node in found.values()}
    told = _phases_by_name([node for node in volumes if node.GetID() not in taken and finding_of(node) is None])
    return {**told, **found}


def _phases_by_name(volumes: Sequence[Any]) -> dict[str, Any]:
    """A role that one volume alone is called; two that are called the same are nobody's choice but the person's."""
    if not volumes:
        return {}
    from abdominal_oncology.hcc.phase_roles import ROLE_OF_PHASE
    from abdominal_oncology.phase.mining import mine_study
    from abdominal_oncology.scene.header_facts import header_of
    from abdominal_oncology.scene.rename import plain_name

    described = mine_study([header_of(node, ()) for node in volumes])
    called = mine_study([{"SeriesDescription": plain_name(node)} for node in volumes])
    claims: dict[str, list[Any]] = {}
    for node, *labels in zip(volumes, described, called, strict=True):
        phase = next((label.phase for label in labels if label.phase is not None), None)
        role = None if phase is None else ROLE_OF_PHASE.get(phase.value)
        if role is not None:
            claims.setdefault(role, []).append(node)
    return {role: nodes[0] for role, nodes in claims.items() if len(nodes) == 1}
