"""The networks of the hcc task: published sizes, what each looks at, MedicalNet checkpoints, and the guided loss."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from abdominal_oncology.errors import InvalidInputError, MissingInputError, UnreadableFileError  # noqa: E402
from abdominal_oncology.hcc import networks  # noqa: E402, F401
from abdominal_oncology.hcc.lesion_answers import lesion_answers  # noqa: E402
from abdominal_oncology.hcc.networks.channels import Channels  # noqa: E402
from abdominal_oncology.hcc.networks.guided_loss import GuidedLoss  # noqa: E402
from abdominal_oncology.hcc.questions import QUESTIONS  # noqa: E402
from abdominal_oncology.learning.answers import Answers  # noqa: E402
from abdominal_oncology.learning.loss_table import build_loss  # noqa: E402
from abdominal_oncology.learning.networks import find_network, measure  # noqa: E402
from abdominal_oncology.learning.recipe import LossTerm  # noqa: E402


def built(name, classes=2, **options):
    return find_network("hcc", name).build(classes, **options)


def patches(name="tiny", count=2, seed=0):
    shape = (count, *find_network("hcc", name).tiny_shape)
    return torch.from_numpy(np.random.default_rng(seed).random(shape, dtype=np.float32))


@pytest.mark.parametrize(
    ("name", "options", "trainable"),
    [
        ("tiny", {}, 1_381_018),
        ("small", {}, 5_481_650),
        ("resnet-18", {"freeze": True}, 24_865_666),
        ("resnet-50", {"freeze": True}, 29_212_546),
        ("quartet", {}, 4 * 1_381_018 - 1000),  # one member has a phase less: 5³ · 8 weights
        ("guided", {}, 1_381_018 + 128 * 3 + 3 + 3 * 2),
    ],
)
def test_as_many_parameters_learn_as_published(name, options, trainable):
    with torch.device("meta"):
        network = built(name, **options)
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == trainable


def test_the_whole_resnets_have_their_published_size_and_stride_their_stem():
    for name, millions, gmac in (("resnet-18", 33.1, 5.3), ("resnet-50", 46.2, 6.4)):
        kind = find_network("hcc", name)
        size = measure(kind.build(2), kind.input_shape)
        assert size.parameters / 1e6 == pytest.approx(millions, abs=0.06)
        assert size.flops / 2e9 == pytest.approx(gmac, abs=0.06)


def test_each_patch_is_scaled_by_itself_and_the_mask_is_left_alone():
    inputs = patches(count=3)
    inputs[:, 3] = (inputs[:, 3] > 0.7).float()
    out = Channels()(inputs * torch.tensor([1.0, 0.5, 2.0, 1.0])[None, :, None, None, None])
    torch.testing.assert_close(out, Channels()(inputs), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(out[:, :3].mean(dim=(2, 3, 4)), torch.zeros(3, 3), rtol=0, atol=1e-5)
    torch.testing.assert_close(out[:, :3].std(dim=(2, 3, 4)), torch.ones(3, 3), rtol=1e-3, atol=1e-3)
    assert torch.equal(out[:, 3], inputs[:, 3])


def test_a_flat_phase_gives_zeros_and_no_nan():
    inputs = torch.zeros(1, 4, 16, 16, 16)
    assert torch.isfinite(built("tiny")(inputs).logits).all()
    assert torch.equal(Channels()(inputs), inputs)


def test_the_hyperenhancement_network_does_not_see_the_delayed_phase():
    torch.manual_seed(0)
    network = built("tiny", phases=["arterial", "portal"]).eval()
    inputs = patches()
    changed = inputs.clone()
    changed[:, 2] = 0.3
    with torch.no_grad():
        assert torch.equal(network(inputs).logits, network(changed).logits)
        changed[:, 0] += torch.rand(16, 16, 16)
        assert not torch.equal(network(inputs).logits, network(changed).logits)


@pytest.mark.parametrize("phases", [["plain"], [], ["arterial", "arterial"]])
def test_phases_that_are_not_there_are_refused(phases):
    with pytest.raises(InvalidInputError, match="cannot look at"):
        built("tiny", phases=phases)


def test_a_quartet_gives_the_answers_of_its_members_in_their_order():
    torch.manual_seed(3)
    network = built("quartet").eval()
    inputs = patches()
    with torch.no_grad():
        output = network(inputs)
        alone = {question: network.members[question](inputs).logits for question in QUESTIONS}
    assert torch.equal(output.logits, alone["hcc"])
    read = lesion_answers(Answers(output.logits.numpy(), alone["hcc"].softmax(1).numpy(), output.features.numpy()))
    for question in QUESTIONS:
        expected = alone[question].softmax(dim=1)[:, 1].tolist()
        assert [getattr(each, f"p_{question}") for each in read] == pytest.approx(expected, abs=1e-5)


def test_a_guided_network_tells_the_features_that_its_decision_uses():
    torch.manual_seed(3)
    network = built("guided").eval()
    inputs = patches()
    with torch.no_grad():
        before = network(inputs)
        network.signs.bias += 5
        after = network(inputs)
    torch.testing.assert_close(after.features[:, 1:4], before.features[:, 1:4] + 5)
    assert not torch.allclose(after.logits, before.logits)
    torch.testing.assert_close(after.features[:, 0], after.logits[:, 1] - after.logits[:, 0])


def test_a_composed_network_cannot_contain_itself():
    with pytest.raises(InvalidInputError, match="part of itself"):
        built("quartet", member="guided")


# -- MedicalNet checkpoints --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """As MedicalNet publishes: one channel, ``module.`` before every name, the training's own heads."""
    from abdominal_oncology.learning.residual import monai_resnet

    torch.manual_seed(11)
    resnet = monai_resnet("basic", [2, 2, 2, 2], 1, dimensions=3, stem_stride=2, shortcut="A")
    state = {f"module.{name}": tensor for name, tensor in resnet.state_dict().items()}
    state["module.conv_seg.0.weight"] = torch.zeros(2, 2)
    path = tmp_path_factory.mktemp("medicalnet") / "resnet_18.pth"
    torch.save({"state_dict": state}, path)
    return path, resnet.state_dict()


def test_a_checkpoint_fills_all_but_the_first_convolution(checkpoint):
    path, weights = checkpoint
    torch.manual_seed(1)
    resnet = built("resnet-18", pretrained=str(path), freeze=True).backbone.resnet
    own = resnet.state_dict()
    for name, tensor in weights.items():
        if name != "conv1.weight":
            assert torch.equal(own[name], tensor), name
    assert own["conv1.weight"].shape[1] == 4
    assert not resnet.layer3[0].conv1.weight.requires_grad
    assert resnet.layer4[0].conv1.weight.requires_grad
    assert resnet.conv1.weight.requires_grad


def test_frozen_layers_keep_their_statistics_too(checkpoint):
    network = built("resnet-18", pretrained=str(checkpoint[0]), freeze=True).train()
    resnet = network.backbone.resnet
    before = {name: value.clone() for name, value in resnet.state_dict().items() if "running_mean" in name}
    network(patches("resnet-18"))
    after = resnet.state_dict()
    assert torch.equal(after["layer2.0.bn1.running_mean"], before["layer2.0.bn1.running_mean"])
    assert not torch.equal(after["layer4.0.bn1.running_mean"], before["layer4.0.bn1.running_mean"])


def test_a_bundle_needs_no_checkpoint():
    options = {"pretrained": "here.pth", "freeze": True, "phases": ["arterial"]}
    assert find_network("hcc", "resnet-18").lasting(options) == {"phases": ["arterial"]}


def test_checkpoints_that_do_not_fit_are_told_by_name(checkpoint, tmp_path):
    path, weights = checkpoint
    with pytest.raises(UnreadableFileError, match=r"does not fit.*layer1.0.conv3.weight is missing"):
        built("resnet-50", pretrained=str(path))
    with pytest.raises(MissingInputError, match="no such checkpoint"):
        built("resnet-18", pretrained=str(tmp_path / "nowhere.pth"))
    for name, content, told in (
        ("short", {key: value for key, value in weights.items() if "layer4" not in key}, "layer4.* is missing"),
        ("other", weights | {"bn1.weight": torch.ones(7)}, r"bn1.weight is \(7,\) and not \(64,\)"),
        ("extra", weights | {"layer9.weight": torch.ones(7)}, "layer9.weight is not known"),
        ("plain", {"epoch": 3}, "no weights by name"),
        ("list", [1, 2], "no weights by name"),
    ):
        bad = tmp_path / f"{name}.pth"
        torch.save(content, bad)
        with pytest.raises(UnreadableFileError, match=told):
            built("resnet-18", pretrained=str(bad))
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        built("resnet-18", pretrained=str(tmp_path / "text.pth"))


# -- the guided loss ---------------------------------------------------------------------------------------------------


def test_the_guided_loss_is_the_sum_of_its_two_parts():
    logits, features = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 2.0, -1.0, 0.5, 7.0]])
    rows = torch.tensor([[0.0, 1.0, 1.0, 0.0, float("nan")]])
    decision = np.log(1 + np.exp(-1))
    signs = (np.log(1 + np.exp(-2)) + np.log(1 + np.exp(-1))) / 2  # the third is not known
    assert GuidedLoss(2, weight=0.5)(logits, features, rows).item() == pytest.approx(decision + 0.5 * signs, rel=1e-5)
    assert GuidedLoss(2)(logits, features, torch.tensor([1])).item() == pytest.approx(decision, rel=1e-5)
    unknown = torch.tensor([[0.0, 1.0, *[float("nan")] * 3]])
    assert GuidedLoss(2)(logits, features, unknown).item() == pytest.approx(decision, rel=1e-5)


def test_the_guided_loss_teaches_the_features_and_refuses_rows_without_them():
    loss = build_loss([LossTerm("guided", options={"weight": 2.0})], 2, 132)
    assert loss.takes_rows
    torch.manual_seed(0)
    network = built("guided").train()
    output = network(patches())
    rows = torch.tensor([[1.0, 0, 1, 0, 1], [0.0, 1, 0, 1, 0]])
    loss(output.logits, output.features, rows).backward()
    assert network.signs.weight.grad.abs().sum() > 0
    with pytest.raises(InvalidInputError, match="label rows have 2 columns"):
        loss(output.logits, output.features, rows[:, :2])
    with pytest.raises(InvalidInputError, match="weigh"):
        GuidedLoss(2, weight=-1)
