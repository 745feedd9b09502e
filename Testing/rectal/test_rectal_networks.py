"""The eleven encoders: published sizes, what sees which slices, marks, padding, checkpoints, memory, ONNX, training."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import abdominal_oncology.rectal.networks  # noqa: E402, F401
from abdominal_oncology.errors import InvalidInputError  # noqa: E402
from abdominal_oncology.learning.config import TrainConfig  # noqa: E402
from abdominal_oncology.learning.fit import answer_store, fit, load_fitting  # noqa: E402
from abdominal_oncology.learning.networks import find_network, networks_of  # noqa: E402
from abdominal_oncology.learning.recipe import LossTerm, Recipe  # noqa: E402
from abdominal_oncology.learning.samples import Labelled, Samples, build_store  # noqa: E402
from abdominal_oncology.rectal.marks import REPRESENTATIVE, SLICE  # noqa: E402
from abdominal_oncology.rectal.networks.memory import training_memory  # noqa: E402
from abdominal_oncology.rectal.networks.stage_network import take_apart  # noqa: E402

TABLE_2 = {
    "f-r2d": 2796001,
    "f-r3d": 8291873,
    "f-r2plus1d": 8294563,
    "f-mc2": 2799137,
    "f-mc3": 2872865,
    "f-mc4": 3130913,
    "f-mc5": 4163105,
    "f-rmc2": 8288737,
    "f-rmc3": 8215009,
    "f-rmc4": 7956961,
    "f-rmc5": 6924769,
}
PUBLISHED_SHAPE = (1, 24, 256, 256)


def build(name, classes=2, seed=0, **options):
    torch.manual_seed(seed)
    return find_network("rectal", name).build(classes, **{"filters": 4} | options)


def volumes(n=2, depth=5, size=32, seed=0):
    return torch.randn(n, 1, depth, size, size, generator=torch.Generator().manual_seed(seed))


def marked(volume, marks):
    """With a second channel: ``marks`` (n, D) spread over each slice."""
    planes = torch.as_tensor(marks, dtype=torch.float32)[:, None, :, None, None]
    return torch.cat([volume, planes.expand(-1, 1, -1, *volume.shape[3:])], dim=1)


def parameters(network):
    return sum(weight.numel() for weight in network.parameters())


def test_all_parameter_counts_are_those_of_table_2():
    found = {}
    for name, network in networks_of("rectal").items():
        with torch.device("meta"):
            found[name] = parameters(network.build(2))
    assert found == TABLE_2


def test_aggregations_cost_no_parameters_but_bilinear_widens_the_last_layer():
    with torch.device("meta"):
        rmc5 = partial(find_network("rectal", "f-rmc5").build, 2)
        sizes = {name: parameters(rmc5(aggregation=name)) for name in ("average", "max", "attention", "bilinear")}
    assert sizes["average"] == sizes["max"] == sizes["attention"] == TABLE_2["f-rmc5"]
    assert sizes["bilinear"] == TABLE_2["f-rmc5"] - 256 + 256 * 256


def test_slices_stay_as_many_as_they_were_and_carry_256_features():
    network = find_network("rectal", "f-rmc5")
    with torch.device("meta"):
        built = network.build(2)
        maps = built.maps(take_apart(torch.empty(1, *PUBLISHED_SHAPE)))
    assert network.input_shape == PUBLISHED_SHAPE
    assert tuple(maps.shape) == (1, 256, 24, 16, 16)


@pytest.mark.parametrize(("classes", "outputs"), [(2, 1), (3, 3), (4, 4)])
def test_two_classes_share_one_logit(classes, outputs):
    output = build("f-r2d", classes).eval()(volumes())
    assert output.logits.shape == (2, outputs)
    assert output.features.shape == (2, 32)


@pytest.mark.parametrize(
    ("name", "neighbours"),
    # one 3-deep convolution reaches one slice to each side: f-MC2 has its stem, f-rMC5 the four of its last stage
    [("f-r2d", 0), ("f-mc2", 1), ("f-mc3", 5), ("f-rmc5", 4), ("f-rmc4", 8), ("f-r3d", 17), ("f-r2plus1d", 17)],
)
def test_a_slice_is_seen_as_far_as_the_kinds_of_layers_say(name, neighbours):
    depth = 2 * min(neighbours, 9) + 3
    network = build(name, filters=2).double().eval()
    inputs = torch.rand(1, 1, depth, 16, 16, dtype=torch.float64, requires_grad=True)
    middle = depth // 2
    network.slice_logits(inputs)[0, 0, middle].backward()
    reached = [k for k in range(depth) if inputs.grad[0, 0, k].abs().max() > 0]
    reach = min(neighbours, middle)
    assert reached == list(range(middle - reach, middle + reach + 1))


@pytest.mark.parametrize("aggregation", ["none", "average", "max", "attention", "bilinear"])
@pytest.mark.parametrize("name", ["f-rmc5", "f-r3d", "f-r2plus1d"])
def test_padding_changes_nothing(name, aggregation):
    network = build(name, aggregation=aggregation, filters=2).double().eval()
    volume = volumes(1, 4, 16).double()
    padded = torch.cat([torch.full((1, 1, 2, 16, 16), 0.7), volume, torch.zeros(1, 1, 1, 16, 16)], dim=2)
    marks = [[0, 0, SLICE, REPRESENTATIVE, SLICE, SLICE, 0]]
    with torch.no_grad():
        alone = network(marked(volume, [marks[0][2:6]]))
        among = network(marked(padded, marks))
    assert torch.allclose(alone.logits, among.logits, atol=1e-12)
    assert torch.allclose(alone.features, among.features, atol=1e-12)


def test_slice_level_evaluation_takes_the_representative_slices_alone():
    network = build("f-rmc5").eval()
    volume = volumes()
    marks = torch.full((2, 5), SLICE)
    marks[0, [1, 3]] = marks[1, 4] = REPRESENTATIVE
    with torch.no_grad():
        each = network.slice_logits(volume)[:, 0]
        picked = network(marked(volume, marks)).logits[:, 0]
        everything = network(volume).logits[:, 0]
    assert torch.allclose(picked, torch.stack([each[0, [1, 3]].mean(), each[1, 4]]), atol=1e-5)
    assert torch.allclose(everything, each.mean(dim=1), atol=1e-5)


def test_slice_level_training_learns_from_representative_slices_alone_and_from_each_of_them():
    network = build("f-r2d").train()
    volume = volumes(1, 6).requires_grad_()
    marks = [[SLICE, REPRESENTATIVE, SLICE, SLICE, REPRESENTATIVE, 0.0]]
    used = set()
    for seed in range(8):
        torch.manual_seed(seed)
        volume.grad = None
        # the gradient of a feature, summed over channels, flows through batch norms into other slices: freeze them
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm3d):
                module.eval()
        network(marked(volume, marks)).logits.sum().backward()
        moved = {k for k in range(6) if volume.grad[0, 0, k].abs().max() > 0}
        assert len(moved) == 1
        used |= moved
    assert used == {1, 4}


def test_marks_survive_a_shift_that_leaves_empty_edges():
    inputs = marked(volumes(1, 3), [[SLICE, REPRESENTATIVE, 0.0]])
    inputs[:, 1, :, :10] = 0
    _, present, chosen = take_apart(inputs)
    assert present.tolist() == [[1, 1, 0]]
    assert chosen.tolist() == [[0, 1, 0]]


@pytest.mark.parametrize("aggregation", ["none", "max", "bilinear"])
def test_an_input_without_any_slice_gives_numbers(aggregation):
    network = build("f-rmc5", aggregation=aggregation)
    inputs = torch.zeros(2, 2, 3, 32, 32)
    assert torch.isfinite(network.train()(inputs).logits).all()
    assert torch.isfinite(network.eval()(inputs).logits).all()


@pytest.mark.parametrize("name", ["f-rmc5", "f-r2plus1d"])
def test_checkpointing_changes_neither_gradients_nor_statistics(name):
    inputs = marked(volumes(2, 4, 16), [[SLICE] * 4, [SLICE, SLICE, SLICE, 0.0]])
    results = []
    for checkpointing in (False, True):
        network = build(name, checkpointing=checkpointing, aggregation="bilinear").train()
        network(inputs).logits.square().sum().backward()
        results.append((network.state_dict(), [weight.grad for weight in network.parameters()]))
    (state, gradients), (state_again, gradients_again) = results
    assert all(torch.equal(state[key], state_again[key]) for key in state)
    assert max(float(g.abs().max()) for g in gradients) > 0
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(gradients, gradients_again, strict=True))


def test_a_training_step_fits_a_12_gb_gpu_at_batch_8():
    rmc5 = partial(find_network("rectal", "f-rmc5").build, 2, aggregation="bilinear")
    plain = training_memory(rmc5, PUBLISHED_SHAPE, 8)
    again = training_memory(rmc5, PUBLISHED_SHAPE, 8, checkpointing=True)
    assert 3.5 < plain.gigabytes < 12
    assert again.gigabytes < 0.7 * plain.gigabytes
    assert training_memory(rmc5, PUBLISHED_SHAPE, 8, mixed_precision=False).kept == pytest.approx(
        2 * plain.kept, rel=0.01
    )
    # each convolution leaves its output and, but for shortcuts, its activation; 2 bytes each: counted by hand
    stem_sized = 32 * 24 * 128 * 128 * 8 * 2
    by_hand = stem_sized * (2 * 5 + (2 * 4 + 1) / 2 + (2 * 4 + 1) / 4 + (2 * 4 + 1) / 8)
    assert plain.kept == pytest.approx(by_hand, rel=0.03)


def test_bad_inputs_and_options_are_refused():
    with pytest.raises(InvalidInputError, match="2 channels with marks"):
        build("f-r2d")(torch.zeros(1, 3, 4, 32, 32))
    with pytest.raises(InvalidInputError, match="no depth aggregation is called"):
        build("f-r2d", aggregation="median")
    with pytest.raises(InvalidInputError, match="signed square root"):
        build("f-r2d", signed_square_root=True)
    with pytest.raises(InvalidInputError, match="no logits of single slices"):
        build("f-r2d", aggregation="max").slice_logits(volumes())
    with pytest.raises(InvalidInputError, match="one input or more"):
        training_memory(partial(build, "f-r2d"), PUBLISHED_SHAPE, 0)


def test_onnx_says_the_same(tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    from abdominal_oncology.learning.bundle.to_onnx import TOLERANCE, export_onnx

    network = build("f-rmc5", filters=2, aggregation="bilinear")
    assert export_onnx(network, (2, 4, 32, 32), tmp_path / "model.onnx") <= TOLERANCE


@pytest.mark.parametrize(
    ("aggregation", "losses"),
    [
        ("none", (LossTerm("focal"), LossTerm("centre", 0.003))),
        ("bilinear", (LossTerm("focal"), LossTerm("triplet"), LossTerm("centre", 0.003))),
    ],
)
def test_the_common_trainer_trains_both_levels_from_a_store_of_bytes(tmp_path, aggregation, losses):
    """T3 is a bright middle in the representative slices; T2 has it in the others, so that marks are what matters."""
    rng = np.random.default_rng(0)
    cases = []
    for n in range(12):
        label = ("T2", "T3")[n % 2]
        marks = np.array([0, 0.5, 1, 1, 0.5, 0]) if aggregation == "none" else np.array([0, 0.5, 0.5, 0.5, 0.5, 0])
        volume = rng.integers(0, 60, (6, 32, 32)).astype(np.uint8)
        bright = marks == 1 if label == "T3" else (marks == 0.5) if aggregation == "none" else marks > 1
        if aggregation != "none":
            bright = np.full(6, label == "T3")
        volume[bright, 10:22, 10:22] += 150
        planes = np.broadcast_to(np.rint(marks * 255).astype(np.uint8)[:, None, None], volume.shape)
        cases.append(Labelled(str(n), str(n), label, Samples(np.stack([volume, planes])[None])))
    store = build_store(tmp_path / "store", cases, ("T2", "T3"), {})
    recipe = Recipe(
        "rectal",
        "f-rmc5",
        ("T2", "T3"),
        losses,
        TrainConfig(epochs=6, learning_rate=0.02),
        network_options={"filters": 4, "aggregation": aggregation},
        batch=4,
    )
    training, held_out = list(range(8)), list(range(8, 12))
    fitted = fit(recipe, store, training, held_out, tmp_path / "run")
    answers = answer_store(fitted.network, store, held_out)
    assert answers.features.shape == (4, 32)
    predicted = answers.logits.argmax(axis=1)
    assert predicted.tolist() == [0, 1, 0, 1]


def test_a_bilinear_layer_begins_with_what_the_slice_level_says():
    """One slice in eight that speaks for T3 must be heard, whatever the other seven say."""
    flat, volume_level = build("f-r2d", aggregation="none").eval(), build("f-rmc5", aggregation="bilinear")
    without = 0.1 * volumes(4, depth=8, seed=3)
    with_one = without.clone()
    with_one[:, 0, 3, 10:20, 10:20] += 1
    inputs = marked(torch.cat([without, with_one]), torch.full((8, 8), SLICE))
    with torch.no_grad():
        features = flat.slice_features(take_apart(inputs))
        apart = features[4:, :, 3] - features[:4, :, 3]
        flat.head.weight.copy_(apart.mean(dim=0) / apart.mean(dim=0).norm())
        assert load_fitting(volume_level, flat.state_dict()) == ("head.weight",)
        volume_level.settle(inputs)
        logits = volume_level(inputs).logits[:, 0]
    assert logits[4:].min() > logits[:4].max()
    assert abs(logits.mean()) < 1e-3
    assert logits.std() == pytest.approx(1.5, rel=0.01)


def test_settling_is_for_what_began_with_a_slice_level():
    network = build("f-rmc5", aggregation="bilinear")
    before = network.head.weight.clone()
    network.settle(volumes(2))
    assert torch.equal(network.head.weight, before)
