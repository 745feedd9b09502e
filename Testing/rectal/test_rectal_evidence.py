"""Evidence of the stage networks: shares that sum to the answer, slices left out or alone, maps where they belong."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch")

from rectal_doubles import DEPTH, SIZE, facts, network  # noqa: E402

from abdominal_oncology.errors import InvalidInputError  # noqa: E402
from abdominal_oncology.imaging.geometry import Geometry  # noqa: E402
from abdominal_oncology.imaging.image import Image, Modality  # noqa: E402
from abdominal_oncology.rectal.aggregation import AGGREGATIONS, aggregate  # noqa: E402
from abdominal_oncology.rectal.attribution import explain, slice_weights  # noqa: E402
from abdominal_oncology.rectal.box import Box  # noqa: E402
from abdominal_oncology.rectal.class_map import class_map  # noqa: E402
from abdominal_oncology.rectal.evidence import Evidence, mean_evidence, slice_rows  # noqa: E402
from abdominal_oncology.rectal.marks import Placed, as_input  # noqa: E402
from abdominal_oncology.rectal.prepare import VolumePreparation, prepare_volume  # noqa: E402

WAYS = [(name, False) for name in AGGREGATIONS] + [("bilinear", True)]


def built(aggregation="bilinear", signed=False, encoder="f-rmc5", **changes):
    options = {"aggregation": aggregation, "signed_square_root": signed, "filters": 4}
    return network(facts(network=encoder, network_options=options, **changes))


def slices(count=DEPTH, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE), dtype=np.uint8)


def log_odds(net, inputs):
    with torch.inference_mode():
        logits = net(torch.from_numpy(inputs[None]).float() / 255).logits[0]
    return float(logits[0]) if len(logits) == 1 else float(logits[1] - logits[0])


def chance(odds, temperature=1.0):
    return 1 / (1 + np.exp(-odds / temperature))


@pytest.mark.parametrize(("name", "signed"), WAYS)
def test_weights_of_slices_give_back_the_aggregated_answer(name, signed):
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(3, 5, 7, generator=generator, dtype=torch.float64)
    row = torch.randn(25 if name == "bilinear" else 5, generator=generator, dtype=torch.float64)
    present = torch.tensor([[1.0] * 7, [0, 0, 1, 1, 1, 1, 0], [0, 0, 0, 1, 0, 0, 0]], dtype=torch.float64)
    for mask in (None, present):
        weights = slice_weights(name, features, row, mask, signed)
        direct = aggregate(name, features, mask, signed) @ row
        assert torch.allclose((weights * features).sum(dim=(1, 2)), direct, atol=1e-6)
        if mask is not None:
            assert (weights * (1 - mask[:, None])).abs().max() == 0


@pytest.mark.parametrize(("name", "signed"), [*WAYS, ("none", False)])
def test_shares_and_maps_sum_to_the_networks_own_log_odds(name, signed):
    net = built(name, signed)
    inputs = as_input(slices())
    found = explain(net, inputs)
    assert found.log_odds == pytest.approx(log_odds(net, inputs), abs=2e-4)
    assert found.maps.sum(axis=(1, 2)) == pytest.approx(found.share, abs=1e-5)
    assert found.maps.shape == (DEPTH, 2, 2)
    assert np.ptp(found.share) > 1e-3  # slices differ: an empty network would pass all of this


@pytest.mark.parametrize(("name", "signed"), WAYS)
def test_leaving_out_and_alone_are_what_aggregation_says(name, signed):
    net = built(name, signed)
    inputs = as_input(slices(5), depth=DEPTH)
    found = explain(net, inputs, temperature=1.7)
    from abdominal_oncology.rectal.networks.stage_network import take_apart

    with torch.inference_mode():
        marked = take_apart(torch.from_numpy(inputs[None]).float() / 255)
        features = net.slice_features(marked)
        whole = chance(float(net.head(net.pool(features, marked.present))), 1.7)
        there = [int(n) for n in np.flatnonzero(marked.present[0])]
        assert len(found.share) == len(there) == 5
        for n, d in enumerate(there):
            alone = float(net.head(net.pool(features[:, :, d : d + 1], None)))
            rest = [each for each in there if each != d]
            without = float(net.head(net.pool(features[:, :, rest], None)))
            assert found.probability[n] == pytest.approx(chance(alone, 1.7), abs=2e-4)
            assert found.influence[n] == pytest.approx(whole - chance(without, 1.7), abs=2e-4)


def test_padding_changes_no_evidence_and_is_not_reported():
    net = built()
    pixels = slices(5)
    plain, padded = explain(net, as_input(pixels)), explain(net, as_input(pixels, depth=DEPTH))
    for name in ("probability", "influence", "share", "maps"):
        assert getattr(padded, name) == pytest.approx(getattr(plain, name), abs=1e-4)


def test_a_single_slice_has_no_volume_without_it():
    found = explain(built("average"), as_input(slices(1)))
    assert found.influence.tolist() == [0.0]
    assert found.share.sum() + found.constant == pytest.approx(found.log_odds)


def test_two_outputs_are_one_line():
    """Three classes never come here, but two sigmoids trained as two logits do."""
    net = built("average")
    with torch.no_grad():
        net.head = torch.nn.Linear(net.head.in_features, 2)
    inputs = as_input(slices())
    assert explain(net, inputs).log_odds == pytest.approx(log_odds(net, inputs), abs=1e-4)


def test_other_networks_are_refused():
    with pytest.raises(InvalidInputError, match="Linear"):
        explain(torch.nn.Linear(2, 2), as_input(slices()))


def test_evidence_of_several_networks_is_their_mean():
    inputs = as_input(slices())
    one, two = explain(built(), inputs), explain(built("average"), inputs)
    both = mean_evidence([one, two])
    assert both.log_odds == pytest.approx((one.log_odds + two.log_odds) / 2)
    with pytest.raises(InvalidInputError):
        mean_evidence([])
    with pytest.raises(InvalidInputError, match="per slice"):
        Evidence(one.probability, one.influence, one.share, one.maps[1:], 0.0)


def cube(shape=(9, 40, 48), flipped=False):
    """A bright body; where flipped, stored head first."""
    directions = ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)) if flipped else ((0.0, 0.0, 1.0), *_PLANE)
    voxels = np.random.default_rng(0).uniform(100, 200, shape).astype(np.float32)
    return Image(voxels, Geometry(shape, (3.0, 2.0, 2.0), (0.0, 0.0, 0.0), directions), Modality.MR)


_PLANE = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


@pytest.mark.parametrize("flipped", [False, True])
def test_the_map_lies_where_its_pixels_looked(flipped):
    image = cube(flipped=flipped)
    box = Box(image.geometry.centre_mm, (40.0, 40.0, 20.0))
    prepared = prepare_volume(image, VolumePreparation(size=64, field_mm=56.0), box=box)
    placed = Placed(2, 0, 5, 5)
    maps = np.zeros((5, 4, 4), np.float32)
    maps[1, 2, 1] = -3.0
    overlay = class_map(maps, prepared, placed, image)
    assert overlay.geometry == image.geometry
    strongest = np.unravel_index(np.abs(overlay.voxels).argmax(), overlay.voxels.shape)
    # the map's pixel (2, 1) is centred on pixel (32, 16) of the input's slice 1, slice 3 from the feet
    world = prepared.geometry.to_world([3, 32, 16])
    assert image.geometry.to_index(world) == pytest.approx(np.asarray(strongest, float), abs=0.51)
    assert -1.0 <= overlay.voxels.min() < -0.8
    assert overlay.voxels.max() == 0
    assert overlay.history[-1].parameters["strongest_log_odds"] == 3.0
    touched = {prepared.plane.stored_slice(3, 9)}
    assert set(np.flatnonzero(np.abs(overlay.voxels).max(axis=(1, 2)) > 0)) == touched


def test_the_map_ends_where_the_cut_ends():
    image = cube()
    prepared = prepare_volume(
        image, VolumePreparation(size=64, field_mm=40.0), box=Box(image.geometry.centre_mm, (20.0, 20.0, 9.0))
    )
    overlay = class_map(np.ones((9, 4, 4), np.float32), prepared, Placed(0, 0, 9, 9), image)
    assert (overlay.voxels != 0).sum() == 9 * 20 * 20  # 40 mm of 2 mm pixels
    assert overlay.voxels.max() == 1.0
    assert class_map(np.zeros((9, 4, 4), np.float32), prepared, Placed(0, 0, 9, 9), image).voxels.max() == 0


@pytest.mark.parametrize("flipped", [False, True])
def test_rows_name_slices_as_the_image_stores_them(flipped):
    image = cube(flipped=flipped)
    prepared = prepare_volume(image, VolumePreparation(size=32))
    placed = Placed(2, 1, 4, 6)
    values = np.arange(4.0)
    rows = slice_rows(prepared, placed, Evidence(values / 10, values, values, np.zeros((4, 2, 2), np.float32), 0.0))
    for row in rows:
        assert row["z_mm"] == pytest.approx(image.geometry.to_world([row["slice"], 0, 0])[2], abs=0.01)
    assert [row["slice"] for row in rows] == sorted(row["slice"] for row in rows)
    lowest = min(rows, key=lambda row: row["z_mm"])
    assert lowest["probability"] == 0.0  # evidence is feet first
    with pytest.raises(InvalidInputError, match="4 slices for 5"):
        slice_rows(prepared, Placed(2, 0, 5, 5), Evidence(values, values, values, np.zeros((4, 2, 2)), 0.0))
