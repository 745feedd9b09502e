"""Which series is which phase, by findings that others made; what is doubted, what is refused. Earlier sizes, too."""

from __future__ import annotations

import numpy as np
import pytest

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.hcc.phase_roles import assign_roles, role_warnings
from abdominal_oncology.hcc.prior_study import priors_from_outlines
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.finding import Finding, Provenance

_GRID = Geometry((20, 40, 40), (2.0, 1.0, 1.0))


def _phase(decision: str | None, p: float = 0.9, **more: object) -> Finding:
    probabilities = {} if decision is None else {decision: p}
    return Finding("phase", "s", decision, probabilities, Provenance("votes"), "cannot tell", **more)  # type: ignore[arg-type]


def test_every_role_goes_to_the_surest_series() -> None:
    found = assign_roles(
        {
            "1": _phase("non-contrast"),
            "2": _phase("arterial", 0.8),
            "3": _phase("arterial", 0.95),
            "4": _phase("venous"),
            "5": _phase("delayed"),
            "6": _phase("others"),
            "7": _phase(None),
            "8": None,
        }
    )
    assert dict(found.series) == {"arterial": "3", "portal": "4", "delayed": "5", "non-contrast": "1"}
    assert set(found.aside) == {"2", "6", "7", "8"}
    assert "3 is more probably the arterial phase" in found.aside["2"]
    assert found.aside["6"] == "its phase is others"
    assert found.warnings == ()


def test_a_study_without_the_needed_phases_is_refused_with_reasons() -> None:
    with pytest.raises(MissingInputError, match=r"no series is the portal phase.*5: its phase is others"):
        assign_roles({"3": _phase("arterial"), "5": _phase("others")})


@pytest.mark.parametrize(
    ("role", "finding", "codes"),
    [
        ("portal", _phase("venous"), []),
        ("portal", _phase("venous", 0.6), ["phase_doubtful"]),
        ("portal", _phase(None), ["phase_doubtful"]),
        ("portal", _phase("arterial"), ["phase_contradicted"]),
        ("arterial", _phase("others"), ["phase_contradicted"]),
        ("arterial", _phase("arterial", tables={"timing": ({"finer": "early arterial"},)}), ["early_arterial"]),
        ("arterial", _phase("arterial", tables={"timing": ({"finer": "late arterial"},)}), []),
    ],
)
def test_doubts_about_a_role(role: str, finding: Finding, codes: list[str]) -> None:
    assert [each.code for each in role_warnings({role: finding, "delayed": None})] == codes


def test_a_finding_about_something_else_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="not phase"):
        role_warnings({"portal": Finding("hcc", "lesion", None, {}, Provenance("x"))})


def _ball(centre: float, diameter_mm: float) -> Image:
    index = np.stack(np.meshgrid(*(np.arange(n) for n in _GRID.shape), indexing="ij"), axis=-1)
    away = np.linalg.norm(_GRID.to_world(index) - np.array([centre, 20.0, 20.0]), axis=-1)
    return Image((away < diameter_mm / 2).astype(np.uint8), _GRID, "MASK")


def test_earlier_sizes_are_measured_and_matched_by_name() -> None:
    outlines = {"a": _ball(12.0, 14.0), "b": _ball(30.0, 9.0)}
    found = priors_from_outlines(outlines, ["b", "new"], months=5)
    assert set(found) == {"b"}
    assert found["b"].size_mm == pytest.approx(9.0, abs=1.2)
    assert found["b"].months == 5
    (only,) = priors_from_outlines({"then": _ball(12.0, 14.0)}, ["now"], months=3).items()
    assert only[0] == "now"
    assert only[1].size_mm == pytest.approx(14.0, abs=1.2)
    with pytest.raises(InvalidInputError, match="has the name of a lesion"):
        priors_from_outlines(outlines, ["x", "y"], months=5)
    with pytest.raises(InvalidInputError, match="dated once"):
        priors_from_outlines(outlines, ["a"])
