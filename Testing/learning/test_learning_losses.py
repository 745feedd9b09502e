"""Every loss against numbers worked out by hand or printed in the sources."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.losses import (
    BinaryCrossEntropy,
    CentreLoss,
    FocalLoss,
    Loss,
    SoftCrossEntropy,
    TripletLoss,
    WeightedSum,
)

LOGITS = torch.tensor([[1.0, -0.5, 0.25, 2.0]], dtype=torch.float64)
FEATURES = torch.tensor([[0, 0], [1, 0], [0, 2], [3, 1], [3, 3], [1, 1]], dtype=torch.float64)
LABELS = torch.tensor([0, 0, 0, 1, 1, 1])
NOTHING = torch.zeros(6, 1)


def test_soft_cross_entropy_and_its_gradient() -> None:
    row = [0.07250384857598158, 0.8549480822091863, 0.07250384857598158, 4.4220638850697997e-05]
    logits = LOGITS.clone().requires_grad_()
    loss = SoftCrossEntropy()(logits, None, torch.tensor([row], dtype=torch.float64))
    loss.backward()
    assert loss.item() == pytest.approx(2.8214869238088833, abs=1e-9)
    expected = [0.15405939890731465, -0.8043949885144901, 0.03451705161551244, 0.615818537991663]
    assert logits.grad is not None
    assert logits.grad[0].tolist() == pytest.approx(expected, abs=1e-6)
    assert SoftCrossEntropy()(LOGITS, None, torch.tensor([1])).item() == pytest.approx(2.984731134701968, abs=1e-9)


def test_binary_cross_entropy_takes_indices_and_rows() -> None:
    rows = torch.tensor([[0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    by_row = BinaryCrossEntropy()(LOGITS, None, rows)
    p = torch.sigmoid(LOGITS)[0]
    by_hand = -(torch.log(p[1]) + torch.log1p(-p[[0, 2, 3]]).sum()) / 4
    assert by_row.item() == pytest.approx(by_hand.item(), abs=1e-12)
    assert BinaryCrossEntropy()(LOGITS, None, torch.tensor([1])).item() == pytest.approx(by_row.item(), abs=1e-12)
    one = BinaryCrossEntropy()(LOGITS[:, :1], None, torch.tensor([1]))
    assert one.item() == pytest.approx(-torch.log(p[0]).item(), abs=1e-12)


@pytest.mark.parametrize(
    ("gamma", "expected"),
    [
        (2.0, [1.865093925325177, 0.17328679513998632, 0.0010536051565782623, 1.0050335853501468e-06]),
        (0.0, [2.3025850929940455, 0.6931471805599453, 0.10536051565782628, 0.01005033585350145]),
    ],
)
def test_focal_by_probability_of_the_true_class(gamma: float, expected: list[float]) -> None:
    for p, value in zip([0.1, 0.5, 0.9, 0.99], expected, strict=True):
        logits = torch.tensor([[p, 1 - p]], dtype=torch.float64).log()
        assert FocalLoss(gamma)(logits, None, torch.tensor([0])).item() == pytest.approx(value, rel=1e-9)


def test_focal_with_one_sigmoid_output() -> None:
    logits = torch.tensor([[1.5], [-0.7]], dtype=torch.float64)
    loss = FocalLoss()(logits, None, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx((1.1372723156191766 + 0.49254487961650867) / 2, rel=1e-9)


@pytest.mark.parametrize(("mining", "expected"), [("batch-hard", 2.8), ("semi-hard", 0.7)])
def test_triplet(mining: str, expected: float) -> None:
    loss = TripletLoss(0.2, mining, normalise=False)  # type: ignore[arg-type]
    assert loss(NOTHING, FEATURES, LABELS).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("mining", ["batch-hard", "semi-hard"])
@pytest.mark.parametrize("labels", [[0] * 6, [0, 1, 2, 3, 4, 5]])
def test_triplet_without_a_valid_triplet_is_zero_and_trains_on(mining: str, labels: list[int]) -> None:
    features = FEATURES.clone().requires_grad_()
    loss = TripletLoss(mining=mining)(NOTHING, features, torch.tensor(labels))  # type: ignore[arg-type]
    loss.backward()
    assert loss.item() == 0
    assert features.grad is not None
    assert features.grad.abs().sum() == 0


def test_triplet_gradient_pulls_and_pushes() -> None:
    features = (FEATURES + 1).requires_grad_()  # a feature of length zero has no direction to normalise
    before = TripletLoss()(NOTHING, features, LABELS)
    before.backward()
    assert features.grad is not None
    after = TripletLoss()(NOTHING, features.detach() - 0.01 * features.grad, LABELS)
    assert after < before


def test_centre_loss_and_how_centres_follow() -> None:
    loss = CentreLoss(2, 2).double()
    loss.centres = torch.tensor([[0.2, 0.1], [2.0, 1.5]], dtype=torch.float64)
    assert loss(NOTHING, FEATURES, LABELS).item() == pytest.approx(5.05, abs=1e-9)
    assert loss.centres.flatten().tolist() == pytest.approx([0.25, 0.3125, 2.125, 1.5625], abs=1e-9)
    loss.eval()
    loss(NOTHING, FEATURES, LABELS)
    assert loss.centres.flatten().tolist() == pytest.approx([0.25, 0.3125, 2.125, 1.5625], abs=1e-9)
    assert list(loss.parameters()) == []
    assert "centres" in loss.state_dict()


def test_sum_weighs_its_terms_and_carries_their_state() -> None:
    terms: list[tuple[float, Loss]] = [(1.0, FocalLoss()), (0.003, CentreLoss(2, 2))]
    logits = torch.tensor([[0.3], [-0.2], [0.1], [0.9], [2.0], [-1.0]])
    total = WeightedSum(terms).eval()(logits, FEATURES.float(), LABELS)
    parts = [weight * loss.eval()(logits, FEATURES.float(), LABELS) for weight, loss in terms]
    assert total.item() == pytest.approx(sum(part.item() for part in parts), rel=1e-6)
    assert "losses.1.centres" in WeightedSum(terms).state_dict()


def _missing_features() -> Tensor:
    return TripletLoss()(NOTHING, None, LABELS)


@pytest.mark.parametrize(
    "wrong", [lambda: FocalLoss(-1), lambda: TripletLoss(mining="x"), lambda: WeightedSum([]), _missing_features]
)
def test_nonsense_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidInputError):
        wrong()  # type: ignore[operator]
