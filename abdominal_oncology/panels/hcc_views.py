"""The phases side by side in the window, and the way from a lesion to its place in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.views import jump_to_ras, show_volume

if TYPE_CHECKING:
    from abdominal_oncology.learning.finding import Finding


class PhaseViews:
    """Puts the layout of the phases in the place of the one that was there, and back."""

    def __init__(self) -> None:
        self._before: int | None = None
        self._own: int | None = None
        self._shown: dict[str, str] = {}

    @property
    def are_on(self) -> bool:
        """Whether the layout of the phases is the one that is seen."""
        import slicer

        return self._own is not None and slicer.app.layoutManager().layout == self._own

    def turn_on(self, volumes: Mapping[str, Any]) -> None:
        """``volumes`` by role; each phase gets a view, and the views are linked."""
        import slicer

        from abdominal_oncology.scene.phase_views import register_layout, show_phases

        manager = slicer.app.layoutManager()
        if not self.are_on:
            self._before = manager.layout
        self._own = register_layout(manager.layoutLogic().GetLayoutNode(), list(volumes))
        manager.setLayout(self._own)
        show_phases(volumes)
        self._shown = {role: node.GetID() for role, node in volumes.items()}

    def follow(self, volumes: Mapping[str, Any]) -> None:
        """Show these phases if phases are shown and others were chosen."""
        if self.are_on and self._shown != {role: node.GetID() for role, node in volumes.items()}:
            self.turn_on(volumes)

    def turn_off(self) -> None:
        """Back to the layout that was there before, unless somebody has chosen another meanwhile."""
        import slicer

        if self.are_on and self._before is not None:
            slicer.app.layoutManager().setLayout(self._before)
        self._own = None

    def go_to(self, finding: Finding, segmentation: Any, volumes: Mapping[str, Any]) -> None:
        """Show a lesion in the middle of every view, in each phase where that phase has it."""
        from abdominal_oncology.scene.phase_views import centre_on

        segment = finding.provenance.inputs.get("segment", "")
        if segmentation.GetSegmentation().GetSegment(segment) is None:
            return  # it was deleted since
        ras = segmentation.GetSegmentCenterRAS(segment)
        if ras is None:
            return
        if not self.are_on:
            show_volume(volumes["portal"])
        jump_to_ras(*ras)
        if self.are_on:
            portal = (-ras[0], -ras[1], ras[2])
            centre_on(list(volumes), places_by_phase(finding, portal, volumes["portal"]))


def places_by_phase(
    finding: Finding, portal_lps_mm: tuple[float, float, float], portal: Any
) -> dict[str, tuple[float, float, float]]:
    """Where each phase shows a point of the portal phase: breath moves the liver, and the alignment found how far."""
    from abdominal_oncology.hcc.finding import ALIGNMENT_TABLE
    from abdominal_oncology.hcc.phase_roles import PHASES
    from abdominal_oncology.scene.grids import geometry_of_volume_node

    normal = geometry_of_volume_node(portal).normal
    rows = finding.tables.get(ALIGNMENT_TABLE, ())
    shifts = {str(row["phase"]): float(row["shift_mm"] or 0.0) for row in rows if row["used"]}
    x, y, z = portal_lps_mm
    places = {}
    for role in PHASES:
        shift = shifts.get(role, 0.0)
        places[role] = (x + shift * normal[0], y + shift * normal[1], z + shift * normal[2])
    return places
