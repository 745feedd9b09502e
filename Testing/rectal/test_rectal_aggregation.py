"""Depth aggregation: the vectors of the source study, padding that does not count, and shares of slices."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from abdominal_oncology.errors import InvalidInputError  # noqa: E402
from abdominal_oncology.rectal.aggregation import (  # noqa: E402
    AGGREGATIONS,
    aggregate,
    attention,
    attention_weights,
    bilinear,
    feature_count,
    maximum,
)

# computed apart from this project for X of three channels (rows) and four slices
X = torch.tensor([[[1.0, 2.0, -1.0, 0.5], [0.0, -1.0, 3.0, 2.0], [-2.0, 0.5, 0.25, 0.0]]], dtype=torch.float64)
VECTORS = {
    "average": [0.625, 1.0, -0.3125],
    "max": [2.0, 3.0, 0.5],
    "attention": [1.480779122583292, 2.5887809590973045, 0.21501445382982323],
    "bilinear": [
        *(0.3677042188474864, -0.2353307000623913, -0.07354084376949728),
        *(-0.2353307000623913, 0.8236574502183696, 0.014708168753899456),
        *(-0.07354084376949728, 0.014708168753899456, 0.2537159110047656),
    ],
}
SIGNED = [
    *(0.4192218081503185, -0.3353774465202548, -0.18748169213489754),
    *(-0.3353774465202548, 0.627433750064947, 0.0838443616300637),
    *(-0.18748169213489754, 0.0838443616300637, 0.3482317875437099),
]
WEIGHTS = [
    [0.22420781804820114, 0.6094600375988771, 0.030343228559416225, 0.1359889157935055],
    [0.03467109143547885, 0.012754781742087936, 0.696387487194526, 0.2561866396279072],
    [0.033267590037237546, 0.4052822147158054, 0.3156341061855825, 0.24581608906137462],
]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_it_holds_to_the_vectors(name):
    assert torch.allclose(aggregate(name, X)[0], torch.tensor(VECTORS[name], dtype=torch.float64), atol=1e-6)


def test_signed_square_root_and_attention_weights_hold_to_the_vectors():
    assert torch.allclose(
        aggregate("bilinear", X, signed_square_root=True)[0], torch.tensor(SIGNED, dtype=torch.float64), atol=1e-6
    )
    assert torch.allclose(attention_weights(X)[0], torch.tensor(WEIGHTS, dtype=torch.float64), atol=1e-6)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_padding_and_the_order_of_slices_do_not_matter(name):
    features = random(2, 5, 7)
    padded = torch.cat([random(2, 5, 2, seed=1) * 9, features.flip(2), random(2, 5, 1, seed=2) * 9], dim=2)
    present = torch.ones(2, 10, dtype=torch.float64)
    present[:, :2] = present[:, 9:] = 0
    assert torch.allclose(aggregate(name, padded, present), aggregate(name, features))


@pytest.mark.parametrize("signed", [False, True])
def test_bilinear_has_unit_length_symmetry_and_no_depth(signed):
    features = random(3, 6, 4)
    result = bilinear(features, signed_square_root=signed)
    assert torch.allclose(result.norm(dim=1), torch.ones(3, dtype=torch.float64))
    matrix = result.reshape(3, 6, 6)
    assert torch.allclose(matrix, matrix.transpose(1, 2))
    assert torch.allclose(bilinear(torch.cat([features, features], dim=2), signed_square_root=signed), result)


def test_gradients_are_right_and_finite_at_zero():
    features = random(1, 3, 4).requires_grad_()
    for name in AGGREGATIONS:
        assert torch.autograd.gradcheck(lambda x, name=name: aggregate(name, x), (features,))
    nothing = torch.zeros(1, 3, 4, requires_grad=True)
    bilinear(nothing, signed_square_root=True).sum().backward()
    assert torch.isfinite(nothing.grad).all()


def test_features_too_large_for_half_precision_stay_finite():
    features = torch.full((1, 4, 30), 100.0)
    with torch.autocast("cpu", dtype=torch.float16):
        result = aggregate("bilinear", features.half())
    assert result.dtype == torch.float32
    assert torch.allclose(result, torch.full((1, 16), 0.25))


def test_attention_lies_between_mean_and_maximum():
    features = random(4, 8, 6)
    assert (attention(features) >= features.mean(dim=2) - 1e-12).all()
    assert (attention(features) <= maximum(features) + 1e-12).all()


def test_unknown_names_and_misplaced_options_are_refused():
    with pytest.raises(InvalidInputError, match="no depth aggregation is called 'median'"):
        aggregate("median", X)
    with pytest.raises(InvalidInputError, match="signed square root belongs to the bilinear"):
        aggregate("max", X, signed_square_root=True)
    assert feature_count("bilinear", 256) == 65536
