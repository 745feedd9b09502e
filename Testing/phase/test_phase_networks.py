"""The networks of the phase task: published sizes, fixed answers, ONNX, and one round of the CD-GAN game."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from abdominal_oncology.errors import InvalidInputError  # noqa: E402
from abdominal_oncology.learning.loss_table import build_loss  # noqa: E402
from abdominal_oncology.learning.networks import find_network, measure, networks_of  # noqa: E402
from abdominal_oncology.learning.recipe import LossTerm  # noqa: E402
from abdominal_oncology.phase.networks.blocks import SqueezeExcite  # noqa: E402
from abdominal_oncology.phase.networks.cdgan import CDGAN, CDGANLoss  # noqa: E402

SLICE_NETWORKS = (
    "resnet-18",
    "resnet-34",
    "se-resnet-18",
    "resnext-50",
    "efficientnet-b0",
    "efficientnet-b2",
    "ghostnet",
)
VOLUME_NETWORKS = ("resnet-50-3d", "3dsenet")
ALL = (*SLICE_NETWORKS, *VOLUME_NETWORKS, "cd-gan")


def on_meta(name, classes=4, channels=1):
    with torch.device("meta"):
        return find_network("phase", name).build(classes, channels=channels)


def parameters(network):
    return sum(weight.numel() for weight in network.parameters())


@torch.no_grad()
def filled(name):
    """A network of four classes with weights by a formula, the same with every version of torch; statistics of its
    batch norms are those of four example slices, so that signals neither fade nor explode on their way.

    Made and to be asked in double precision: fifty layers without training blow single precision's rounding, which
    differs from processor to processor and from one number of threads to another, up to some hundredths of an answer.
    """
    kind = find_network("phase", name)
    network = kind.build(4).double()
    for position, (key, tensor) in enumerate(sorted(network.state_dict().items())):
        if not tensor.is_floating_point():
            continue
        # the digits of a sine beyond the fourth: scattered as random numbers are, between −1 and 1
        sines = torch.sin(torch.arange(tensor.numel(), dtype=torch.float64) * 12.9898 + position * 78.233) * 43758.5453
        wave = (2 * (sines - sines.floor()) - 1).reshape(tensor.shape)
        if tensor.ndim > 1:
            tensor.copy_(wave * math.sqrt(3 / tensor[0].numel()))
        else:
            tensor.copy_(0.1 * wave + (1 if key.endswith("weight") else 0))
    network.eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            module.train().momentum = 1.0
    network(example(kind.tiny_shape, 4))
    return network.eval()


def example(shape, count=2):
    ramp = torch.arange(count * math.prod(shape), dtype=torch.float64)
    contrast = torch.arange(count).reshape(count, *(1 for _ in shape)) / count
    return contrast + (1 - contrast) * torch.sin(ramp * 0.37 + ramp**2 * 1e-5).reshape(count, *shape).abs()


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_all_are_registered():
    assert set(networks_of("phase")) == set(ALL)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        # as published for ImageNet: three channels, a thousand classes
        ("resnet-18", 11_689_512),
        ("resnet-34", 21_797_672),
        ("se-resnet-18", 11_778_592),
        ("resnext-50", 25_028_904),
        ("efficientnet-b0", 5_288_548),
        ("efficientnet-b2", 9_109_994),
        ("ghostnet", 5_182_508),
    ],
)
def test_published_sizes(name, count):
    assert parameters(on_meta(name, classes=1000, channels=3)) == count


@pytest.mark.parametrize(
    ("name", "channels", "millions", "gmac"),
    [
        ("efficientnet-b0", 3, 4.01, 0.385),
        ("efficientnet-b2", 3, 7.71, 0.658),
        ("ghostnet", 3, 3.91, 0.141),
        ("resnet-18", 3, 11.18, 1.81),
        ("resnext-50", 3, 22.99, 4.23),
        ("resnet-50-3d", 1, 46.2, 53.9),
        ("3dsenet", 1, 0.512, 3.74),
    ],
)
def test_sizes_for_four_phases(name, channels, millions, gmac):
    shape = find_network("phase", name).input_shape
    size = measure(on_meta(name, channels=channels), (channels, *shape[1:]))
    assert size.parameters / 1e6 == pytest.approx(millions, rel=5e-3)
    assert size.flops / 2e9 == pytest.approx(gmac, rel=0.01)
    assert size.trainable == size.parameters


def test_one_channel_costs_two_thirds_of_a_stem_less():
    assert parameters(on_meta("efficientnet-b0", channels=3)) - parameters(on_meta("efficientnet-b0")) == 2 * 32 * 9
    assert parameters(on_meta("resnet-18", channels=3)) - parameters(on_meta("resnet-18")) == 2 * 64 * 49


GOLDEN: dict[str, list[float]] = {
    "resnet-18": [-0.1885660, -1.7589661, -1.5427697, 0.6669322],
    "resnet-34": [0.1623662, 0.1150508, 0.1135520, -0.8432040],
    "se-resnet-18": [-0.1970368, 0.5927575, -0.1651725, 0.1951035],
    "resnext-50": [1.4084636, 3.0258063, -0.4352186, 1.3529932],
    "efficientnet-b0": [0.4884883, -0.1284488, 0.7386783, 1.1248201],
    "efficientnet-b2": [1.5620574, 0.5642377, -0.9329523, -2.3916340],
    "ghostnet": [0.1605295, 0.0198297, -0.5440296, -0.5068326],
    "resnet-50-3d": [10.7321002, 14.6175714, 20.5393133, 19.0993316],
    "3dsenet": [0.9710426, 0.1651536, -0.1655627, 0.9911158],
    "cd-gan": [-0.1885660, -1.7589661, -1.5427697, 0.6669322],
}


@pytest.mark.parametrize("name", ALL)
def test_golden_answers(name):
    network = filled(name)
    with torch.no_grad():
        logits, features = network(example(find_network("phase", name).tiny_shape))
    assert torch.isfinite(features).all()
    np.testing.assert_allclose(logits[1], GOLDEN[name], rtol=0, atol=1e-6)
    assert (logits[0] - logits[1]).abs().max() > 0.1  # another slice, another answer


@pytest.mark.parametrize("name", [*SLICE_NETWORKS, "cd-gan"])
def test_both_published_slice_sizes_fit(name):
    network = on_meta(name).eval()
    for side in (128, 224):
        logits, features = network(torch.empty(3, 1, side, side, device="meta"))
        assert logits.shape == (3, 4)
        assert features.ndim == 2


@pytest.mark.parametrize("name", ALL)
def test_every_weight_learns(name):
    network = find_network("phase", name).build(3).train()
    loss = CDGANLoss() if name == "cd-gan" else build_loss([LossTerm("soft-cross-entropy")], classes=3, features=1)
    torch.manual_seed(0)
    logits, features = network(torch.rand(3, *find_network("phase", name).tiny_shape))
    loss(logits, features, torch.tensor([0, 1, 2])).backward()
    still = [key for key, weight in network.named_parameters() if weight.grad is None]
    assert still == []


@pytest.mark.parametrize("name", ["efficientnet-b0", "ghostnet", "resnext-50", "se-resnet-18"])
def test_channels_last_gives_the_same(name):
    network = filled(name)
    slices = example(find_network("phase", name).tiny_shape)
    with torch.no_grad():
        plain = network(slices).logits.clone()
        last = network.to(memory_format=torch.channels_last)(slices.to(memory_format=torch.channels_last)).logits
    np.testing.assert_allclose(last, plain, rtol=0, atol=1e-9)


# one of each make: an export takes ten seconds and more of a core
@pytest.mark.parametrize("name", ["efficientnet-b0", "se-resnet-18", "3dsenet"])
def test_onnx_answers_the_same(name, tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    import onnxruntime

    kind = find_network("phase", name)
    network = filled(name).float()
    path = tmp_path / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter deprecates parts of itself
        torch.onnx.export(
            network,
            (example(kind.tiny_shape).float(),),
            path,
            input_names=["inputs"],
            output_names=["logits", "features"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            dynamo=True,
            opset_version=18,
            verbose=False,
        )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for count in (1, 3):
        inputs = example(kind.tiny_shape, count).float()
        with torch.no_grad():
            expected = network(inputs)
        logits, features = session.run(["logits", "features"], {"inputs": inputs.numpy()})
        np.testing.assert_allclose(logits, expected.logits, atol=1e-4, rtol=1e-3)
        np.testing.assert_allclose(features, expected.features, atol=1e-4, rtol=1e-3)
        np.testing.assert_allclose(softmax(logits), softmax(expected.logits.numpy()), atol=1e-4)


def test_depthwise_convolutions_start_with_a_signal():
    """Under the initialisation that ignores groups, depthwise outputs of B0 have a variance near 2 / channels."""
    torch.manual_seed(0)
    network = find_network("phase", "efficientnet-b0").build(4)
    depthwise = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d) and m.groups > 100]
    assert len(depthwise) > 5
    for convolution in depthwise:
        assert convolution.weight.square().sum(dim=(1, 2, 3)).mean().item() == pytest.approx(2, rel=0.3)


def test_squeeze_excite_is_one_value_per_channel():
    gate = SqueezeExcite(8, 4, dimensions=3)
    values = gate(torch.rand(2, 8, 3, 4, 5))
    assert values.shape == (2, 8, 1, 1, 1)
    assert ((values > 0) & (values < 1)).all()


class TestCDGAN:
    """Who learns from which term, and that the game can be won."""

    def columns(self):
        torch.manual_seed(0)
        model = CDGAN(classes=3).train()
        return model, model(torch.rand(4, 1, 32, 32))

    def touched(self, model, value):
        model.zero_grad(set_to_none=True)
        value.backward(retain_graph=True)
        return {
            player: any(w.grad is not None and w.grad.abs().sum() > 0 for w in part.parameters())
            for player, part in (("generator", model.generator), ("discriminator", model.discriminator))
        }

    def test_each_term_moves_its_own_player(self):
        model, (logits, terms) = self.columns()
        assert terms.shape == (4, len(CDGAN.TERMS))
        learners = {name: self.touched(model, terms[:, k].mean()) for k, name in enumerate(CDGAN.TERMS)}
        assert learners["discriminator"] == {"generator": False, "discriminator": True}
        for name in CDGAN.TERMS[1:]:
            assert learners[name] == {"generator": True, "discriminator": False}, name
        assert self.touched(model, logits.sum()) == {"generator": False, "discriminator": True}

    def test_evaluation_is_the_phase_head_alone(self):
        model, _ = self.columns()
        logits, features = model.eval()(torch.rand(2, 1, 32, 32))
        assert features.shape == (2, 512)
        np.testing.assert_allclose(logits.detach(), model.discriminator.phase(features).detach(), atol=1e-6)
        assert all(weight.requires_grad for weight in model.parameters())

    def test_weights_held_still_come_back_as_they_were(self):
        model = CDGAN(classes=3).train()
        model.discriminator.backbone.conv1.weight.requires_grad_(False)
        model(torch.rand(2, 1, 32, 32))
        frozen = [key for key, weight in model.named_parameters() if not weight.requires_grad]
        assert frozen == ["discriminator.backbone.conv1.weight"]
        assert {m.momentum for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {0.1}

    def test_it_learns_a_phase_by_its_brightness(self):
        torch.manual_seed(0)
        model, loss = CDGAN(classes=2), CDGANLoss()
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
        place = torch.zeros(1, 1, 32, 32)
        place[..., 10:22, 10:22] = 1

        def batch():
            target = torch.arange(8) % 2
            return 0.3 + 0.05 * torch.rand(8, 1, 32, 32) + 0.4 * place * target[:, None, None, None], target

        cycles = []
        for _ in range(25):
            slices, target = batch()
            optimizer.zero_grad()
            output = model.train()(slices)
            loss.train()(output.logits, output.features, target).backward()
            optimizer.step()
            cycles.append(output.features[:, CDGAN.TERMS.index("cycle")].mean().item())
        slices, target = batch()
        # statistics of batch norm follow slowly, and 25 steps are few: judge by the batch's own
        assert (model.discriminator.train()(slices)[0].argmax(dim=1) == target).all()
        assert cycles[-1] < 0.6 * cycles[0]

    def test_the_loss_is_for_this_network(self):
        loss = build_loss([LossTerm("cd-gan", options={"cycle": 5.0})], classes=2, features=6)
        with pytest.raises(InvalidInputError, match="cd-gan only"):
            loss(torch.zeros(2, 2), torch.zeros(2, 512), torch.tensor([0, 1]))
        value = loss.eval()(torch.zeros(2, 2), torch.zeros(2, 512), torch.tensor([0, 1]))
        assert value.item() == pytest.approx(math.log(2))
        terms = torch.tensor([[1.0, 2, 3, 4, 5, 6]])
        value = loss.train()(torch.zeros(1, 2), terms, torch.tensor([0]))
        assert value.item() == pytest.approx(math.log(2) + 1 + 2 + 3 + 5 * 4 + 5 + 6)
