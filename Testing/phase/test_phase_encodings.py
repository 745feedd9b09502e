"""Label encodings against hand-checked numbers, their invariants, and what their learned parts drift to."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phase.encodings import (
    circular_orders,
    circular_sord,
    equally_spaced,
    learned_encoding,
    linear_sord,
    one_hot,
    pl_sord,
    pl_sord_candidates,
    pl_sord_weights,
    ranks_of_order,
    soft_cross_entropy,
    sord,
    sord_from_distances,
)

LOGITS = [1.0, -0.5, 0.25, 2.0]
CIRCLE_1 = [0.8549480822091863, 0.07250384857598158, 4.4220638850697997e-05, 0.07250384857598158]
CIRCLE_0625 = [0.5605297980064212, 0.21380274755564502, 0.011864706882288745, 0.21380274755564502]
CIRCLE_05 = [0.4620884297815198, 0.24936208682581906, 0.03918739656684198, 0.24936208682581906]


def circulant(row: list[float]) -> np.ndarray:
    return np.stack([np.roll(row, shift) for shift in range(len(row))])


@pytest.mark.parametrize(
    ("s", "row"),
    [
        (1.0, CIRCLE_1),
        (0.625, CIRCLE_0625),
        (0.5, CIRCLE_05),
        (0.0, [0.25] * 4),
        (2.0, [0.9998965643276374, 5.1717836181270614e-05, 7.156425528925686e-18, 5.1717836181270614e-05]),
        (math.pi, [0.9999999999469149, 2.654253013821007e-11, 4.963285618720612e-43, 2.654253013821007e-11]),
        (1.25 * math.pi, [1.0, 2.984763146355024e-17, 7.936691414355979e-67, 2.984763146355024e-17]),
    ],
)
def test_circular_rows_of_four_phases(s, row):
    ranks = [0, math.pi / 2, math.pi, 3 * math.pi / 2]
    np.testing.assert_allclose(circular_sord(ranks, s), circulant(row), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("s_of_caption", "turn", "row"),
    [(1.25 * math.pi, 2 * math.pi, CIRCLE_0625), (math.pi, 2 * math.pi, CIRCLE_05), (math.pi, math.pi, CIRCLE_1)],
)
def test_the_captions_scales_are_those_of_other_units(s_of_caption, turn, row):
    np.testing.assert_allclose(circular_sord(equally_spaced(4), s_of_caption / turn)[0], row, atol=1e-12)


def test_circular_rows_of_three_and_five():
    five = [0.7062554264285398, 0.14559666957391923, 0.0012756172118109253, 0.0012756172118109253, 0.14559666957391923]
    np.testing.assert_allclose(circular_sord(equally_spaced(5))[0], five, atol=1e-12)
    three = [0.9757157583449197, 0.012142120827540119, 0.012142120827540098]
    np.testing.assert_allclose(circular_sord(equally_spaced(3))[0], three, atol=1e-12)


def test_linear_rows():
    expected = [
        [0.7213349654579819, 0.265364303990104, 0.013211710745145938, 8.901980676804131e-05],
        [0.20972851308115276, 0.5701012060182327, 0.20972851308115276, 0.010441767819461798],
        [0.010441767819461798, 0.20972851308115276, 0.5701012060182327, 0.20972851308115276],
        [8.901980676804133e-05, 0.013211710745145941, 0.2653643039901041, 0.721334965457982],
    ]
    np.testing.assert_allclose(linear_sord(4), expected, atol=1e-12)


def test_any_metric():
    expected = [
        [0.6439142598879724, 0.23688281808991013, 0.08714431874203257, 0.03205860328008499],
        [0.19661193324148185, 0.5344466453885229, 0.19661193324148185, 0.07232948812851327],
        [0.07232948812851327, 0.19661193324148185, 0.5344466453885229, 0.19661193324148185],
        [0.03205860328008499, 0.08714431874203257, 0.23688281808991013, 0.6439142598879724],
    ]
    np.testing.assert_allclose(sord([0, 1, 2, 3], lambda a, b: abs(a - b)), expected, atol=1e-12)
    # a metric may know which direction costs more: row t measures from t
    lopsided = sord([0, 1], lambda true, other: 0.0 if other >= true else 1.0)
    assert lopsided[0, 1] == 0.5
    assert lopsided[1, 0] < 0.3
    never = sord_from_distances([[0, math.inf], [1, 0]])
    assert never[0].tolist() == [1, 0]


@given(st.integers(3, 8), st.floats(0, 4))
def test_rows_are_distributions_that_favour_the_true_class(classes, s):
    for rows in (linear_sord(classes, s), circular_sord(equally_spaced(classes), s), one_hot(classes)):
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-12)
        assert (rows.argmax(axis=1) == np.arange(classes)).all() or s < 1e-6
        assert (np.diag(rows) >= rows.max(axis=1) - 1e-12).all()


@given(st.permutations(range(5)), st.floats(-20, 20), st.booleans())
def test_circular_rows_ignore_rotation_reversal_and_whole_turns(order, turn, mirror):
    ranks = ranks_of_order(order)
    moved = (-ranks if mirror else ranks) + turn + 2 * math.pi * np.arange(5)
    np.testing.assert_allclose(circular_sord(moved, 0.7), circular_sord(ranks, 0.7), atol=1e-9)


def test_scale_runs_from_uniform_to_one_hot():
    np.testing.assert_allclose(circular_sord(equally_spaced(4), 0), np.full((4, 4), 0.25))
    np.testing.assert_allclose(circular_sord(equally_spaced(4), 30), one_hot(4), atol=1e-12)


def test_circular_orders_are_listed():
    assert circular_orders(4) == ((0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 1, 3))
    assert circular_orders(5) == (
        (0, 1, 2, 3, 4),
        (0, 1, 2, 4, 3),
        (0, 1, 3, 2, 4),
        (0, 1, 3, 4, 2),
        (0, 1, 4, 2, 3),
        (0, 1, 4, 3, 2),
        (0, 2, 1, 3, 4),
        (0, 2, 1, 4, 3),
        (0, 2, 3, 1, 4),
        (0, 2, 4, 1, 3),
        (0, 3, 1, 2, 4),
        (0, 3, 2, 1, 4),
    )
    assert [order[2] for order in circular_orders(4)] == [2, 3, 1]
    assert [(ranks_of_order(order) / (math.pi / 2)).tolist() for order in circular_orders(4)] == [
        [0, 1, 2, 3],
        [0, 1, 3, 2],
        [0, 2, 1, 3],
    ]


@pytest.mark.parametrize(("classes", "count"), [(3, 1), (4, 3), (5, 12), (6, 60)])
def test_every_seating_is_one_of_the_orders_and_no_two_are_the_same(classes, count):
    tables = pl_sord_candidates(classes, 0.5)
    assert len(circular_orders(classes)) == len(tables) == count
    distinct = {table.round(9).tobytes() for table in tables}
    assert len(distinct) == count
    seatings = (circular_sord(ranks_of_order(order), 0.5) for order in permutations(range(classes)))
    assert {table.round(9).tobytes() for table in seatings} == distinct


def test_soft_cross_entropy():
    assert soft_cross_entropy(LOGITS, np.roll(CIRCLE_1, 1)) == pytest.approx(2.8214869238088833, abs=1e-9)
    assert soft_cross_entropy(LOGITS, one_hot(4)[1]) == pytest.approx(2.984731134701968, abs=1e-9)
    # its least value is the entropy of the label
    row = circular_sord(equally_spaced(4))[1]
    assert soft_cross_entropy(np.log(row), row) == pytest.approx(0.5149431261639534, abs=1e-9)


def test_pl_sord_rows():
    lambdas = [0.2, -0.1, 0.4]
    sigma = [0.3375845377987164, 0.2500887766217052, 0.41232668557957836]
    np.testing.assert_allclose(pl_sord_weights(lambdas), sigma, atol=1e-12)
    labels = [
        [0.07250384857598158, 0.8549480822091863, 0.07250384857598158, 4.4220638850697997e-05],
        [0.07250384857598158, 0.8549480822091863, 4.4220638850697997e-05, 0.07250384857598158],
        [4.4220638850697997e-05, 0.8549480822091863, 0.07250384857598158, 0.07250384857598158],
    ]
    np.testing.assert_allclose(pl_sord_candidates(4)[:, 1], labels, atol=1e-12)
    losses = [2.8214869238088833, 2.694682574918904, 2.7490272958717523]
    np.testing.assert_allclose([soft_cross_entropy(LOGITS, row) for row in labels], losses, atol=1e-9)
    assert soft_cross_entropy(LOGITS, pl_sord(lambdas)[1]) == pytest.approx(2.7598975410990296, abs=1e-9)


def test_learned_rows():
    alphas = np.zeros((4, 3))
    alphas[2] = [0.3, -0.2, 0.5]
    row = learned_encoding(alphas, 0.855)[2]
    np.testing.assert_allclose(row, [0.05127419163534278, 0.031099369278816454, 0.855, 0.06262643908584078], atol=1e-12)
    assert soft_cross_entropy(LOGITS, row) == pytest.approx(2.1100037495343518, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: one_hot(0), "at least 1"),
        (lambda: linear_sord(4, -1.0), "scale s"),
        (lambda: circular_sord(equally_spaced(4), math.inf), "one_hot"),
        (lambda: circular_sord([0.0, math.nan]), "radians"),
        (lambda: circular_orders(2), "at least 3"),
        (lambda: circular_orders(10), "181,440"),
        (lambda: ranks_of_order((0, 2, 3)), "each class once"),
        (lambda: sord_from_distances([[0, 1]]), "K × K"),
        (lambda: sord_from_distances([[0, -1], [1, 0]]), "≥ 0"),
        (lambda: pl_sord_weights([]), "one finite λ"),
        (lambda: pl_sord([0.0, 0.0]), "3 circular orders"),
        (lambda: learned_encoding(np.zeros((4, 4)), 0.8), "K − 1"),
        (lambda: learned_encoding(np.full((4, 3), np.nan), 0.8), "finite"),
        (lambda: learned_encoding(np.zeros((4, 3)), 1.2), "share"),
        (lambda: soft_cross_entropy([1.0], [0.5, 0.5]), "differ"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InvalidInputError, match=words):
        call()


def test_rows_need_no_torch():
    code = "import sys; import abdominal_oncology.phase.encodings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestLosses:
    """The torch side: values and gradients, and where learning goes."""

    @pytest.fixture(autouse=True)
    def torch_and_losses(self):
        self.torch = pytest.importorskip("torch")
        from abdominal_oncology.phase import encoding_losses

        self.losses = encoding_losses

    def logits(self):
        return self.torch.tensor([LOGITS], dtype=self.torch.float64, requires_grad=True)

    def test_fixed_rows(self):
        loss = self.losses.EncodedCrossEntropy(circular_sord(equally_spaced(4)))
        logits = self.logits()
        value = loss(logits, None, self.torch.tensor([1]))
        value.backward()
        assert value.item() == pytest.approx(2.8214869238088833, abs=1e-6)
        expected = [0.15405939890731465, -0.8043949885144901, 0.03451705161551244, 0.615818537991663]
        np.testing.assert_allclose(logits.grad[0], expected, atol=1e-6)
        assert not list(loss.parameters())

    def test_one_hot_rows_are_plain_cross_entropy(self):
        loss = self.losses.EncodedCrossEntropy(one_hot(4))
        assert loss(self.logits(), None, self.torch.tensor([1])).item() == pytest.approx(2.984731134701968, abs=1e-6)

    def test_soft_targets_mix_the_rows(self):
        rows = circular_sord(equally_spaced(4))
        loss = self.losses.EncodedCrossEntropy(rows)
        mixture = self.torch.tensor([[0.5, 0.5, 0.0, 0.0]])
        expected = soft_cross_entropy(LOGITS, (rows[0] + rows[1]) / 2)
        assert loss(self.logits(), None, mixture).item() == pytest.approx(expected, abs=1e-6)

    def test_pl_sord(self):
        loss = self.losses.PLSORDLoss(4, 1.0)
        with self.torch.no_grad():
            loss.lambdas.copy_(self.torch.tensor([0.2, -0.1, 0.4]))
        sigma = [0.3375845377987164, 0.2500887766217052, 0.41232668557957836]
        np.testing.assert_allclose(loss.weights().detach(), sigma, atol=1e-6)
        value = loss(self.logits(), None, self.torch.tensor([1]))
        value.backward()
        assert value.item() == pytest.approx(2.7598975410990296, abs=1e-6)
        expected = [0.020791623295414216, -0.016309531109413536, -0.004482092186000483]
        np.testing.assert_allclose(loss.lambdas.grad, expected, atol=1e-6)

    def test_learned(self):
        loss = self.losses.LearnedEncodingLoss(4, 0.855)
        with self.torch.no_grad():
            loss.alphas[2] = self.torch.tensor([0.3, -0.2, 0.5])
        np.testing.assert_allclose(
            loss.rows().detach(), learned_encoding(loss.alphas.detach().numpy(), 0.855), atol=1e-6
        )
        logits = self.logits()
        value = loss(logits, None, self.torch.tensor([2]))
        value.backward()
        assert value.item() == pytest.approx(2.1100037495343518, abs=1e-6)
        expected = [0.005649844889076076, 0.050075858066070046, -0.055725702955146124]
        np.testing.assert_allclose(loss.alphas.grad[2], expected, atol=1e-6)
        assert not loss.alphas.grad[[0, 1, 3]].any()
        expected = [0.17528905584795346, 0.019453724415879777, -0.747979099808506, 0.5532363195446729]
        np.testing.assert_allclose(logits.grad[0], expected, atol=1e-6)

    def test_learned_rows_drift_to_the_most_confused_class(self):
        loss = self.losses.LearnedEncodingLoss(4, 0.855)
        optimizer = self.torch.optim.Adam(loss.parameters(), lr=0.1)
        # seeing class 1, the network finds class 3 likeliest of the others
        logits = self.torch.tensor([[0.0, 2.0, 0.3, 0.6]])
        for _ in range(400):
            optimizer.zero_grad()
            loss(logits, None, self.torch.tensor([1])).backward()
            optimizer.step()
        row = loss.rows()[1].detach()
        assert row[1] == pytest.approx(0.855)
        assert row[3] > 0.14
        np.testing.assert_allclose(loss.rows()[0].detach(), [0.855, *[0.145 / 3] * 3], atol=1e-6)

    def test_pl_sord_finds_the_order_behind_the_answers(self):
        order = (0, 2, 1, 3)
        loss = self.losses.PLSORDLoss(4, 0.625)
        answers = self.torch.as_tensor(circular_sord(ranks_of_order(order), 0.625)).log().float()
        optimizer = self.torch.optim.Adam(loss.parameters(), lr=0.1)
        for _ in range(150):
            optimizer.zero_grad()
            loss(answers, None, self.torch.arange(4)).backward()
            optimizer.step()
        assert loss.orders[int(loss.weights().argmax())] == order
        assert loss.weights().max() > 0.95

    def test_state_is_saved_and_restored(self):
        first, second = self.losses.PLSORDLoss(5), self.losses.PLSORDLoss(5)
        with self.torch.no_grad():
            first.lambdas += 1.5
            first.lambdas[3] = -2
        second.load_state_dict(first.state_dict())
        assert self.torch.equal(first.rows(), second.rows())

    def test_bad_tables_are_refused(self):
        with pytest.raises(InvalidInputError, match="K × K"):
            self.losses.EncodedCrossEntropy([[1.0, 0.0]])
        with pytest.raises(InvalidInputError, match="sums to one"):
            self.losses.EncodedCrossEntropy([[1.0, 0.5], [0.0, 1.0]])
        with pytest.raises(InvalidInputError, match="4 classes and the network gives 3"):
            self.losses.PLSORDLoss(4)(self.torch.zeros(2, 3), None, self.torch.zeros(2, dtype=int))

    @pytest.mark.parametrize("name", ["linear-sord", "circular-sord", "pl-sord", "learned-encoding"])
    def test_recipes_find_them_by_name(self, name):
        from abdominal_oncology.learning.loss_table import build_loss
        from abdominal_oncology.learning.recipe import LossTerm

        loss = build_loss([LossTerm(name, options={"s": 0.7})], classes=5, features=8)
        np.testing.assert_allclose(loss.rows().detach().sum(dim=1), 1, atol=1e-6)
        assert loss(self.torch.zeros(2, 5), None, self.torch.tensor([0, 4])).item() == pytest.approx(
            math.log(5), abs=1e-5
        )
