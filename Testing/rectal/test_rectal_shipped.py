"""The rectal bundle that comes with the extension: whole, small, honest, and it ranks patients it has never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from shipped_bundles import shipped, whole_bundle  # noqa: E402

from abdominal_oncology.learning.bundle.load import load_bundle  # noqa: E402
from abdominal_oncology.learning.predictor import Predictor  # noqa: E402
from abdominal_oncology.learning.recipe import Recipe  # noqa: E402
from abdominal_oncology.rectal.bundles import BUNDLES  # noqa: E402
from abdominal_oncology.rectal.training import phantom_samples  # noqa: E402
from abdominal_oncology.tasks import load_task  # noqa: E402

SHIPPED = shipped("rectal")


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_bundle_is_whole_and_says_what_it_is(folder: Path) -> None:
    bundle = whole_bundle(folder, "rectal", BUNDLES, megabytes=15)
    facts = bundle.facts
    assert "no real labelled case" in facts.trained_on
    assert facts.network == "f-rmc5"
    assert facts.network_options["aggregation"] == "bilinear"
    assert [each["name"] for each in facts.training["recipe"]["loss"]] == ["focal", "triplet"]
    assert facts.training["start_from"]["command"].startswith("abdominal-oncology train rectal")
    assert 0.8 <= facts.results["auc"]["value"] <= 0.9, "where the literature's lies, not at 1"


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_it_ranks_patients_that_it_has_never_seen(folder: Path) -> None:
    """Patients of a seed beyond the training's."""
    load_task("rectal")
    bundle = load_bundle(folder, task="rectal")
    recipe = Recipe.from_mapping(dict(bundle.facts.training["recipe"]))
    cases = list(phantom_samples(5, 900_000, recipe))
    inputs = np.concatenate([each.samples.inputs for each in cases])
    t3 = Predictor(bundle, "cpu", "torch").run(inputs).probabilities[:, 1]
    truth = np.array([each.label == "T3" for each in cases])
    assert truth.sum() == 3
    assert t3[truth].mean() > t3[~truth].mean() + 0.1
