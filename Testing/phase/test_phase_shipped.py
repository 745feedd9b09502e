"""The bundles that come with the extension: whole, honest about phantoms, small, and right on the real scans."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from shipped_bundles import shipped, whole_bundle

from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.learning.bundle.load import load_bundle
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.phase.bundles import BUNDLES
from abdominal_oncology.phase.classify import ClassifySettings, classify
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.tasks import load_task

SHIPPED = shipped("phase")


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_bundle_is_whole_and_says_what_it_is(folder: Path) -> None:
    bundle = whole_bundle(folder, "phase", BUNDLES, megabytes=20)
    facts = bundle.facts
    assert facts.classes == tuple(Phase)
    assert "phantom" in facts.trained_on
    assert "phantom" in bundle.card.lower()
    assert facts.training["command"].startswith("abdominal-oncology train phase")
    for name in ("accuracy", "macro_f1"):
        figure = facts.results[name]
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"] < 0.995
    with torch.inference_mode():
        assert torch.isfinite(bundle.network()(torch.rand(1, *facts.input_shape)).logits).all()


@pytest.mark.real_data
@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("scan", "phase"),
    [
        ("totalsegmentator/example_ct_dicom", Phase.VENOUS),
        ("totalsegmentator/example_ct.nii.gz", Phase.NON_CONTRAST),
        ("totalsegmentator/cta_chest_cropped.nii.gz", Phase.ARTERIAL),
    ],
)
def test_network_and_kinetics_together_are_right_on_real_scans(
    folder: Path, scan: str, phase: Phase, shared_data: Path
) -> None:
    load_task("phase")
    predictor = Predictor(load_bundle(folder, task="phase"), "cpu", "torch")
    found = classify(
        open_reader(shared_data / scan, modality="CT"), predictor=predictor, settings=ClassifySettings(fraction=0.5)
    )
    assert found.decision == phase
    assert len(found.parts) == 2
    assert found.provenance.trained_on == predictor.model.facts.trained_on or any(
        part.provenance.bundle == predictor.model.facts.name for part in found.parts
    )
