"""The liver bundle that comes with the extension: whole, small, honest, and it answers a lesion it has never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from shipped_bundles import shipped, whole_bundle  # noqa: E402

from abdominal_oncology.hcc.bundles import BUNDLES  # noqa: E402
from abdominal_oncology.hcc.fusion import PARTS, Fusion  # noqa: E402
from abdominal_oncology.hcc.lesion_input import LesionPreparation, input_of_phantom  # noqa: E402
from abdominal_oncology.hcc.patch import lesion_patch  # noqa: E402
from abdominal_oncology.hcc.questions import FEATURES  # noqa: E402
from abdominal_oncology.learning.bundle.load import load_bundle  # noqa: E402
from abdominal_oncology.learning.predictor import Predictor  # noqa: E402
from abdominal_oncology.tasks import load_task  # noqa: E402

SHIPPED = shipped("hcc")


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_bundle_is_whole_and_says_what_it_is(folder: Path) -> None:
    bundle = whole_bundle(folder, "hcc", BUNDLES, megabytes=15)
    facts = bundle.facts
    assert "no real HCC" in facts.trained_on
    assert facts.trained_on in bundle.card
    assert facts.training["command"].startswith("abdominal-oncology guide --phantoms")
    assert Fusion.from_table(facts.decision["fusion"])
    for name in ("auc:baseline", *(f"auc:{part}" for part in PARTS), *(f"auc:feature {each}" for each in FEATURES)):
        figure = facts.results[name]
        assert 0.5 < figure["low"] <= figure["value"] <= figure["high"] < 0.95
    assert facts.results["auc:dlf+hf+lf"]["low"] > facts.results["auc:baseline"]["value"]


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_its_networks_rank_lesions_that_they_have_never_seen(folder: Path) -> None:
    """Lesions of seeds beyond the training's."""
    load_task("hcc")
    bundle = load_bundle(folder, task="hcc")
    settings = LesionPreparation.from_mapping(bundle.facts.preparation)
    inputs = [
        input_of_phantom(lesion_patch(90_000_000 + n, kind=kind, size_mm=18.0, noise_hu=8.0), settings)
        for kind in ("hcc", "cyst")
        for n in range(10)
    ]
    answers = Predictor(bundle, "cpu", "torch").run(np.stack(inputs))
    hcc = answers.probabilities[:, 1]
    assert hcc[:10].mean() > hcc[10:].mean() + 0.2
