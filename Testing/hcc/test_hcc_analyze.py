"""From a case to one finding per lesion: with networks and without, phases that lack or contradict, bad input told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from liver_scene import LiverScene

from abdominal_oncology.errors import Cancelled, InvalidInputError
from abdominal_oncology.hcc.analyze import analyze, examine
from abdominal_oncology.hcc.finding_lirads import categorisation_of, lirads_of
from abdominal_oncology.hcc.fusion import PARTS, FusedModel, Fusion
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.hcc.patch import PATCH_SHAPE
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.finding import Finding, Provenance

_CIRRHOSIS = Population.of("cirrhosis")
_SMALL = {"spacing_mm": (3.0, 2.0, 2.0), "shape": (48, 80, 92)}


def _scene(**changes: object) -> LiverScene:
    return LiverScene(**(_SMALL | changes))  # type: ignore[arg-type]


def _codes(finding: Finding) -> set[str]:
    return {warning.code for warning in finding.warnings}


class _Oracle:
    """In the place of a predictor: HCC where the arterial channel is brighter in the lesion than around it."""

    def __init__(self, task: str = "hcc", **decision: Any) -> None:
        one = {
            name: FusedModel(
                each,
                (0.0,) * len(each),
                (1.0,) * len(each),
                tuple(4.0 if part == "p_hcc" else 0.02 if part == "f_aphe" else 0.0 for part in each),
                -1.0,
                1.0,
            )
            for name, each in PARTS.items()
        }
        decision = {"fusion": Fusion(one).to_table(), **decision}
        facts = BundleFacts(
            "hcc-oracle", "1", task, "quartet", ("other", "hcc"), (4, *PATCH_SHAPE), "nothing", decision=decision
        )
        self.model = SimpleNamespace(facts=facts)
        self.seen: list[Any] = []

    def run(self, inputs: Any, progress: Any) -> Answers:
        self.seen.append(inputs)
        inside = [patch[0][patch[3] > 0].mean() - patch[0][patch[3] == 0].mean() for patch in inputs]
        logits = np.array([[4.0 if each > 5 else -4.0] * 4 for each in inside], np.float32)
        return Answers(logits[:, :2], logits[:, :2], logits, np.full(len(inputs), 0.5, np.float32))

    def provenance(self) -> Provenance:
        return Provenance("network quartet", "hcc-oracle", "1", device="cpu")


@pytest.fixture(scope="module")
def plain() -> Finding:
    return analyze(_scene().case(), population=_CIRRHOSIS)[0]


def test_no_model_at_all_still_measures_and_categorises(plain: Finding) -> None:
    assert plain.decision is None
    assert plain.probabilities == {}
    assert lirads_of(plain).decision in ("LR-4", "LR-5")
    assert plain.measurement("size").value == pytest.approx(20, abs=1.5)  # type: ignore[union-attr]
    assert plain.provenance.bundle == ""
    assert plain.provenance.seconds > 0
    assert set(plain.provenance.settings["seconds"]) == {"preparing", "measuring", "networks"}
    assert {row["phase"] for row in plain.tables["alignment"]} == {"arterial", "portal", "delayed"}
    assert Finding.from_json(plain.to_json()) == plain


def test_networks_see_every_lesion_at_once_and_are_fused() -> None:
    scene = _scene()
    dark = _scene(centre_mm=(20.0, -10.0, 10.0), lesion_mm=18.0)
    labels = (scene.lesion_mask().voxels + 2 * dark.lesion_mask().voxels).astype(np.uint8)
    oracle = _Oracle()
    findings = analyze(
        scene.case(lesions=Image(labels, scene.grid, "MASK")),
        predictor=oracle,
        population=_CIRRHOSIS,  # type: ignore[arg-type]
    )
    assert len(oracle.seen) == 1
    assert oracle.seen[0].shape == (2, 4, *PATCH_SHAPE)
    assert oracle.seen[0].dtype == np.uint8
    assert [each.subject for each in findings] == ["lesion 1", "lesion 2"]
    assert [each.decision for each in findings] == ["hcc", "other"]
    assert findings[0].provenance.bundle == "hcc-oracle"
    assert len(findings[0].parts) == 3


def test_two_phases_only_warn_and_go_on_without_networks() -> None:
    oracle = _Oracle()
    finding = analyze(_scene().case(delayed=None), predictor=oracle)[0]  # type: ignore[arg-type]
    assert not oracle.seen
    assert {"delayed-missing", "no-network"} <= _codes(finding)
    assert finding.decision is not None
    assert finding.provenance.method == "measured features; LI-RADS"
    assert "delayed" not in {row["phase"] for row in finding.tables["alignment"]}


def test_a_delayed_phase_of_somebody_else_is_left_out_and_told() -> None:
    scene = _scene()
    stranger = LiverScene(**_SMALL, half_axes_mm=(60.0, 74.0, 62.0), centre_mm=(-30.0, 20.0, -5.0))  # type: ignore[arg-type]
    finding = analyze(scene.case(delayed=stranger.image("delayed")), predictor=_Oracle())[0]  # type: ignore[arg-type]
    assert {"misaligned", "no-network"} <= _codes(finding)
    used = {row["phase"]: row["used"] for row in finding.tables["alignment"]}
    assert used == {"arterial": True, "portal": True, "delayed": False}


def test_an_arterial_phase_of_somebody_else_ends_in_no_category() -> None:
    scene = _scene()
    stranger = LiverScene(**_SMALL, half_axes_mm=(60.0, 74.0, 62.0), centre_mm=(-30.0, 20.0, -5.0))  # type: ignore[arg-type]
    finding = analyze(scene.case(arterial=stranger.image("arterial")), predictor=_Oracle(), population=_CIRRHOSIS)[0]  # type: ignore[arg-type]
    assert "misaligned" in _codes(finding)
    assert finding.decision is None
    assert lirads_of(finding).decision == "LR-NC"
    assert "arterial phase does not lie well" in finding.reason


def test_swapped_phases_end_in_no_category() -> None:
    scene = _scene()
    swapped = scene.case(arterial=scene.image("portal"), portal=scene.image("arterial"))
    finding = analyze(swapped, population=_CIRRHOSIS, predictor=_Oracle())[0]  # type: ignore[arg-type]
    assert "phases-swapped" in _codes(finding)
    assert finding.decision is None
    assert lirads_of(finding).decision == "LR-NC"
    assert "swapped" in categorisation_of(finding).sentence


def test_growth_since_a_prior_counts() -> None:
    case = _scene().case(priors={"lesion 1": PriorSize(11.0, months=4.0)})
    finding = analyze(case, population=_CIRRHOSIS)[0]
    assert "threshold growth (11 →" in lirads_of(finding).reason
    grown = finding.measurement("growth")
    assert grown is not None
    assert grown.value == pytest.approx(100 * (20 / 11 - 1), abs=15)


def test_a_readers_word_is_taken_by_lesion(plain: Finding) -> None:
    finding = analyze(_scene().case(), population=_CIRRHOSIS, overrides={"lesion 1": {"aphe": "rim"}})[0]
    assert lirads_of(finding).decision == "LR-M"
    assert finding.has_warning("overridden")
    with pytest.raises(InvalidInputError, match="lesion 2 are overridden"):
        analyze(_scene().case(), overrides={"lesion 2": {"aphe": "rim"}})


def test_a_bundle_for_another_question_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="for the task phase"):
        analyze(_scene().case(), predictor=_Oracle("phase"))  # type: ignore[arg-type]


def test_the_bundle_says_which_energy_it_was_made_with() -> None:
    mean = examine(_scene().case(), predictor=_Oracle()).measured[0]  # type: ignore[arg-type]
    total = examine(_scene().case(), predictor=_Oracle(energy="sum")).measured[0]  # type: ignore[arg-type]
    assert mean.published is not None
    assert total.published is not None
    assert abs(total.published.capsule_hu2) > 50 * abs(mean.published.capsule_hu2)


def test_a_lesion_excluded_from_the_livers_outline_lies_in_it_all_the_same() -> None:
    scene = _scene()
    hole = np.where(scene.lesion_mask().voxels > 0, 0, scene.liver_mask().voxels).astype(np.uint8)
    finding = analyze(scene.case(liver=Image(hole, scene.grid, "MASK")), population=_CIRRHOSIS)[0]
    assert "lesion-outside-liver" not in _codes(finding)
    assert lirads_of(finding).decision in ("LR-4", "LR-5")


def test_a_lesion_somewhere_else_gets_no_category() -> None:
    finding = analyze(_scene(centre_mm=(0.0, 70.0, 0.0)).case(), population=_CIRRHOSIS)[0]
    assert "lesion-outside-liver" in _codes(finding)
    assert lirads_of(finding).decision == "LR-NC"
    assert finding.decision is None


def test_a_lesion_over_the_whole_liver_and_one_of_a_voxel_get_no_category() -> None:
    scene = _scene()
    whole = analyze(scene.case(lesions=scene.liver_mask()), population=_CIRRHOSIS)[0]
    assert "lesion-covers-liver" in _codes(whole)
    assert lirads_of(whole).decision == "LR-NC"
    speck = np.zeros(scene.grid.shape, np.uint8)
    speck[24, 40, 40] = 1
    one = analyze(scene.case(lesions=Image(speck, scene.grid, "MASK")), population=_CIRRHOSIS)[0]
    assert {"lesion-one-voxel", "lesion-small", "not-measurable"} <= _codes(one)
    assert lirads_of(one).decision == "LR-NC"


def test_it_can_be_cancelled_and_tells_how_far_it_is() -> None:
    told: list[float] = []
    analyze(_scene().case(), progress=lambda fraction, stage: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == 1.0

    def stop(fraction: float, stage: str) -> None:
        if fraction > 0.3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        analyze(_scene().case(), progress=stop)
