"""Losses of paper 000: cross-entropy against label rows that are fixed, mixed from candidates, or learned.

The rows themselves, in numpy and with their formulas, are in :mod:`abdominal_oncology.phase.encodings`.
"""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.loss_table import register_loss
from abdominal_oncology.learning.losses import Loss
from abdominal_oncology.phase.encodings import (
    checked_share,
    circular_orders,
    circular_sord,
    equally_spaced,
    linear_sord,
    other_classes,
    pl_sord_candidates,
)


class LabelRowsLoss(Loss):
    """Soft cross-entropy against one row per true class; subclasses say what the rows are at this moment.

    A target of soft labels (n, K) takes the mixture of rows that it weighs.
    """

    def rows(self) -> Tensor:
        """The label rows as they stand, (K, K); differentiable where they are learned."""
        raise NotImplementedError

    def forward(self, logits: Tensor, features: Tensor | None, target: Tensor) -> Tensor:
        rows = self.rows().to(logits)
        if logits.shape[1] != len(rows):
            raise InvalidInputError(f"these labels are for {len(rows)} classes and the network gives {logits.shape[1]}")
        labels = target.to(logits) @ rows if target.ndim == 2 else rows[target.long()]
        return functional.cross_entropy(logits, labels)


class EncodedCrossEntropy(LabelRowsLoss):
    """Cross-entropy against fixed label rows, for example those of circular SORD.

    >>> from abdominal_oncology.phase.encodings import circular_sord, equally_spaced
    >>> loss = EncodedCrossEntropy(circular_sord(equally_spaced(4), s=1.0))
    >>> round(loss(torch.zeros(1, 4), None, torch.tensor([2])).exp().item(), 4)
    4.0
    """

    table: Tensor

    def __init__(self, rows: ArrayLike) -> None:
        super().__init__()
        table = torch.as_tensor(rows, dtype=torch.get_default_dtype())
        if table.ndim != 2 or table.shape[0] != table.shape[1]:
            raise InvalidInputError(f"label rows of K classes are K × K, not {tuple(table.shape)}")
        if not torch.allclose(table.sum(dim=1), torch.ones(len(table), dtype=table.dtype), atol=1e-5):
            raise InvalidInputError("each label row sums to one")
        self.register_buffer("table", table)

    def rows(self) -> Tensor:
        return self.table


class PLSORDLoss(LabelRowsLoss):
    """Σ_j σ(λ)_j L_j over all circular orders of the classes; λ is learned with the network (eq. 6–7).

    Cross-entropy is linear in the label, so this is one cross-entropy against the mixture of the candidates' rows,
    with the same gradients: ∂L/∂λ_j = σ_j (L_j − L). Order j gains weight where it explains the network's answers
    better than the others do.
    """

    candidates: Tensor

    def __init__(self, classes: int, s: float = 1.0) -> None:
        super().__init__()
        self.orders = circular_orders(classes)
        table = torch.as_tensor(pl_sord_candidates(classes, s), dtype=torch.get_default_dtype())
        self.register_buffer("candidates", table)
        self.lambdas = nn.Parameter(torch.zeros(len(self.orders)))

    def weights(self) -> Tensor:
        """σ(λ), in the order of ``orders``."""
        return self.lambdas.softmax(dim=0)

    def rows(self) -> Tensor:
        return torch.einsum("c,cij->ij", self.weights(), self.candidates)


class LearnedEncodingLoss(LabelRowsLoss):
    """The true class keeps s, the rest follows learned logits α, one row of K − 1 per true class (eq. 8–9).

    The loss is linear in the label row, so no shared-out row is ever best: for each true class t the gradient moves
    all of 1 − s onto the other class that the network finds likeliest when it sees t. The rows end as a picture of
    the confusion matrix, not as an order of the classes – what the paper's Fig. 5c shows. The more that class is
    favoured, the likelier the network makes it: the drift feeds itself, and only s bounds it.
    """

    others: Tensor

    def __init__(self, classes: int, s: float = 0.855) -> None:
        super().__init__()
        self.s = checked_share(s)
        self.register_buffer("others", torch.as_tensor(other_classes(classes)))
        self.alphas = nn.Parameter(torch.zeros(classes, classes - 1))

    def rows(self) -> Tensor:
        shared = ((1 - self.s) * self.alphas.softmax(dim=1)).flatten()
        kept = torch.full(self.others.shape, self.s, dtype=shared.dtype, device=shared.device)
        return kept.masked_scatter(self.others, shared)


@register_loss("linear-sord")
def _linear_sord(classes: int, s: float = 1.0) -> Loss:
    return EncodedCrossEntropy(linear_sord(classes, s))


@register_loss("circular-sord")
def _circular_sord(classes: int, s: float = 1.0) -> Loss:
    """Classes in their own order around the circle."""
    return EncodedCrossEntropy(circular_sord(equally_spaced(classes), s))


register_loss("pl-sord")(PLSORDLoss)
register_loss("learned-encoding")(LearnedEncodingLoss)
