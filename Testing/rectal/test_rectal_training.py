"""A rectal training whole: phantoms, slice level, volume level, bundle with operating points, a finding from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.learning.bundle.load import Bundle, load_bundle
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.checkpoint import load_checkpoint
from abdominal_oncology.learning.manifest import CaseRow, Manifest
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.learning.predict_case import predict_case
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.train_task import Trained, TrainRequest, train_task
from abdominal_oncology.rectal.experiments.shared import Plan, volume_recipe
from abdominal_oncology.rectal.phantom import rectal_phantom
from abdominal_oncology.rectal.prepare import VolumePreparation
from abdominal_oncology.rectal.task import TASK
from abdominal_oncology.rectal.training import at_slice_level

TINY = Plan(20, 2, VolumePreparation(size=16, field_mm=80.0, depth=3, scale_by="region"), 2, 1, 1)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _recipe() -> Recipe:
    return volume_recipe(TINY, 0)


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> TrainRequest:
    folder = tmp_path_factory.mktemp("rectal-run")
    return TrainRequest(TASK, _recipe(), folder, "rectal-tiny", phantoms=20, device="cpu", command="a test")


@pytest.fixture(scope="module")
def trained(request_: TrainRequest) -> Trained:
    done = train_task(request_)
    assert done is not None
    return done


@pytest.fixture(scope="module")
def bundle(trained: Trained) -> Bundle:
    return load_bundle(trained.bundle, task="rectal")


def test_the_slice_level_comes_first_and_hands_its_weights_on(request_: TrainRequest, trained: Trained) -> None:
    run = request_.folder / "run"
    first = load_checkpoint(run / "before" / "best.pt")["model"]
    last = load_checkpoint(run / "best.pt")["model"]
    assert first["head.weight"].shape == (1, 16)
    assert last["head.weight"].shape == (1, 256)
    flat = first["encoder.blocks.7.second.convolution.weight"][:, :, 0]
    deep = last["encoder.blocks.7.second.convolution.weight"]
    assert deep.shape[2] == 3
    # one epoch moves the middle a little from what the slice level learned; the sides began at 0
    assert (deep[:, :, 1] - flat).abs().mean() < 0.2 * flat.abs().mean()
    assert 0 < deep[:, :, 0].abs().mean() < 0.2 * flat.abs().mean()
    assert trained.held_out == "test"


def test_the_bundle_carries_operating_points(bundle: Bundle) -> None:
    facts = bundle.facts
    assert facts.classes == ("T2", "T3")
    assert facts.network_options == {"aggregation": "bilinear", "filters": 2}
    assert {"default", "sensitivity 0.90"} <= set(facts.decision["operating_points"])
    assert facts.training["recipe"]["before"]["network_options"]["aggregation"] == "none"
    assert facts.unfamiliar is not None
    assert len(facts.unfamiliar.mean) == 16  # of the slices' mean, not of the bilinear feature


def test_operating_points_need_both_stages() -> None:
    seen = Predictions([[0.9, 0.1], [0.4, 0.6]], [0, 1], "ab", ("T2", "T3"))
    assert TASK.decision_table(seen)["cases"] == {"T2": 1, "T3": 1}
    assert TASK.decision_table(Predictions([[0.9, 0.1]], [0], "a", ("T2", "T3"))) == {}


def test_a_phantom_gets_a_finding(bundle: Bundle) -> None:
    patient = rectal_phantom(11, stage="T3", matrix=64, slices=8)
    labels = patient.labels["t2"]
    tumour = labels.derive("tumour", voxels=(labels.voxels == find("tumour").number).astype(np.uint8))
    case = Case.of_images("eleven", dict(patient.images), {"tumour": tumour, "rectum": patient.labels["rectum"]})
    predictor = Predictor(bundle, "cpu", "torch")
    finding = predict_case(case, TASK, predictor)
    assert finding.question == "stage"
    assert sum(finding.probabilities.values()) == pytest.approx(1)
    assert finding.provenance.bundle == "rectal-tiny"
    assert finding.tables["region"][0]["source"] == "segmentation"


@pytest.mark.parametrize("network", ["f-rmc5", "f-r2d"])
def test_volumes_of_a_manifest_are_trained_on(network: str, request_: TrainRequest, tmp_path: Path) -> None:
    from abdominal_oncology.phantom.save import save_phantom

    rows = []
    for n in range(4):
        patient = rectal_phantom(30 + n, stage=("T2", "T3")[n % 2], matrix=32, slices=3)
        written = save_phantom(patient, tmp_path / f"p{n}", file_format="nrrd")
        image = written["t2"]
        rows.append(
            CaseRow(
                f"c{n}",
                f"p{n}",
                images={"t2": str(image.relative_to(tmp_path))},
                labels={"stage": ("T2", "T3")[n % 2]},
                split="train" if n < 2 else "test",
                slices=tuple(patient.truth["representative_slices"]),
            )
        )
    Manifest(tuple(rows)).write(tmp_path / "cases.csv")
    recipe = replace(at_slice_level(_recipe()), network=network, batch=2)
    done = train_task(
        replace(request_, recipe=recipe, folder=tmp_path / "run", manifest=tmp_path / "cases.csv", phantoms=0)
    )
    assert done is not None
    assert not done.failed
    store = (tmp_path / "run" / "samples" / "inputs.raw").read_bytes()
    samples = np.frombuffer(store, np.uint8).reshape(4, 2, 3, 16, 16)
    assert all((sample[1] == 255).any() for sample in samples)
    # the volume level goes on from the slice level's bundle, whose last layer does not fit: from one of the same
    # network, or of the flat one that would come first
    further = replace(_recipe(), before=None if network == _recipe().network else recipe, batch=2)
    gone_on = train_task(
        replace(
            request_,
            recipe=further,
            folder=tmp_path / "on",
            manifest=tmp_path / "cases.csv",
            phantoms=0,
            start_from=load_bundle(done.bundle, task="rectal"),
        )
    )
    assert gone_on is not None
    assert load_bundle(gone_on.bundle).facts.training["start_from"]["name"] == "rectal-tiny"
    assert not (tmp_path / "on" / "run" / "before").exists()
