"""What every registered network and every named loss must do, whoever wrote it."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.bundle.load import load_bundle
from abdominal_oncology.learning.bundle.write import write_bundle
from abdominal_oncology.learning.loss_table import build_loss, losses
from abdominal_oncology.learning.networks import Network, find_network, measure, networks_of, register
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.recipe import LossTerm
from abdominal_oncology.tasks import TASKS, all_networks

GOLDEN = Path(__file__).parent / "golden_networks.json"
CLASSES = 4
NETWORKS = {f"{network.task}/{network.name}": network for network in all_networks()}


@cache
def _built(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name].build(CLASSES).eval()


def _example(network: Network, count: int = 2) -> torch.Tensor:
    """Numbers that do not depend on torch's generator, whose stream may change between versions."""
    shape = (count, *network.tiny_shape)
    return torch.from_numpy(np.random.default_rng(7).random(shape, dtype=np.float32))


def _set_by_name(network: nn.Module) -> None:
    """Weights that follow from their names alone: golden outputs then test the wiring, not an initialiser."""
    with torch.no_grad():
        for name, weight in network.state_dict().items():
            if not weight.is_floating_point() or name.endswith(("running_mean", "running_var")):
                continue
            seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
            values = np.random.default_rng(seed).standard_normal(tuple(weight.shape), dtype=np.float32)
            scale = 1 / np.sqrt(max(1, weight[0].numel())) if weight.ndim > 1 else 0.1
            weight.copy_(torch.from_numpy(values * np.float32(scale) + np.float32(weight.ndim == 1)))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", NETWORKS)
def test_forward_gives_logits_and_the_features_they_were_made_from(name: str) -> None:
    network = NETWORKS[name]
    with torch.no_grad():
        both = _built(name)(_example(network))
        one = _built(name)(_example(network)[:1])
    assert both.logits.shape == (2, CLASSES)
    assert both.features.ndim == 2
    assert torch.isfinite(both.logits).all()
    torch.testing.assert_close(both.logits[:1], one.logits, rtol=1e-3, atol=1e-4)  # a batch changes nothing


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_that_learns_gets_a_gradient(name: str) -> None:
    network = NETWORKS[name]
    torch.manual_seed(1)
    module = network.build(CLASSES).train()
    output = module(_example(network, 4))
    # features too: what a network gives there in training may be terms of a loss of its own
    (output.logits.square().sum() + output.features.square().sum()).backward()
    assert [key for key, p in module.named_parameters() if p.requires_grad and p.grad is None] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_a_bundle_of_it_answers_as_it_did(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name]
    classes = tuple(f"class-{n}" for n in range(CLASSES))
    facts = BundleFacts("contract", "1.0.0", network.task, network.name, classes, network.tiny_shape, "nothing")
    write_bundle(tmp_path / "contract", _built(name), facts, half=False)
    bundle = load_bundle(tmp_path / "contract", task=network.task)
    inputs = _example(network)
    answers = Predictor(bundle, "cpu", "torch").run(inputs.numpy())
    with torch.no_grad():
        expected = _built(name)(inputs)
    np.testing.assert_allclose(answers.logits, expected.logits.numpy(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_golden_outputs(name: str) -> None:
    """``python Testing/learning/test_learning_contract.py`` writes them anew after a wanted change."""
    golden = json.loads(GOLDEN.read_text())
    assert name in golden, "a new network: write the golden outputs anew"
    np.testing.assert_allclose(_golden(name), golden[name], rtol=2e-3, atol=2e-4)


def _golden(name: str) -> list[float]:
    torch.manual_seed(0)
    module = NETWORKS[name].build(CLASSES).eval()
    _set_by_name(module)
    with torch.no_grad():
        return [round(float(each), 6) for each in module(_example(NETWORKS[name], 1)).logits[0]]


@pytest.mark.parametrize("name", NETWORKS)
def test_its_size_can_be_counted_without_computing(name: str) -> None:
    size = measure(NETWORKS[name].build(CLASSES), NETWORKS[name].input_shape)
    assert 0 < size.trainable <= size.parameters
    assert size.flops > 1e6


def test_every_task_has_networks() -> None:
    assert all(networks_of(task) for task in TASKS)


@pytest.mark.parametrize("name", sorted(losses()))
def test_every_loss_is_a_scalar_that_moves_the_network(name: str) -> None:
    torch.manual_seed(0)
    loss = build_loss([LossTerm(name)], CLASSES, 6).train()
    logits, features = torch.randn(8, CLASSES, requires_grad=True), torch.randn(8, 6, requires_grad=True)
    target = torch.tensor([0, 1, 2, 3] * 2)
    value = loss(logits, features, target)
    assert value.ndim == 0
    assert torch.isfinite(value)
    value.backward()
    assert any(each.grad is not None and float(each.grad.abs().sum()) > 0 for each in (logits, features))
    for parameter in loss.parameters():
        assert parameter.grad is not None
    again = build_loss([LossTerm(name)], CLASSES, 6)
    again.load_state_dict(loss.state_dict())
    loss.eval(), again.eval()
    torch.testing.assert_close(again(logits, features, target), loss(logits, features, target))


def test_names_and_options_of_networks_are_checked() -> None:
    with pytest.raises(InvalidInputError, match="no network called 'resnet-9000'"):
        find_network("phase", "resnet-9000")
    with pytest.raises(InvalidInputError, match="no option 'colour'"):
        find_network("phase", "resnet-18").build(4, colour=True)
    with pytest.raises(InvalidInputError, match="two networks called"):
        register("resnet-18", task="phase", input_shape=(1, 8, 8), source="")(lambda classes: nn.Identity())


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({name: _golden(name) for name in NETWORKS}, indent=1) + "\n")
