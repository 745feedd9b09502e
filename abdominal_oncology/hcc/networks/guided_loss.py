"""The loss of a guided network: cross-entropy on HCC, binary cross-entropy on the features that guide it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.questions import FEATURES
from abdominal_oncology.learning.loss_table import register_loss
from abdominal_oncology.learning.losses import Loss


class GuidedLoss(Loss):
    """Cross-entropy + ``weight`` · mean binary cross-entropy of the features.

    A target row holds the classes, then 0 or 1 for each feature, NaN where it is not known. Class indices alone train
    the decision and leave the features unguided.
    """

    takes_rows = True

    def __init__(self, classes: int, weight: float = 1.0) -> None:
        super().__init__()
        if weight < 0:
            raise InvalidInputError(f"the features cannot weigh {weight}", remedy="use 0 or more")
        self.classes, self.weight = classes, weight

    def forward(self, logits: Tensor, features: Tensor | None, target: Tensor) -> Tensor:
        if target.ndim == 1:
            return functional.cross_entropy(logits, target)
        if target.shape[1] != self.classes + len(FEATURES) or features is None:
            raise InvalidInputError(
                f"a guided network learns from {self.classes} classes and {', '.join(FEATURES)}, "
                f"and the label rows have {target.shape[1]} columns",
                remedy="give the features as label columns of the manifest, and name them in the recipe's 'also'",
            )
        decision = functional.cross_entropy(logits, target[:, : self.classes])
        signs, wanted = features[:, 1 : 1 + len(FEATURES)], target[:, self.classes :]
        known = torch.isfinite(wanted)
        each = functional.binary_cross_entropy_with_logits(signs, wanted.nan_to_num(), reduction="none")
        return decision + self.weight * (each * known).sum() / known.sum().clamp(min=1)


@register_loss("guided")
def _guided(classes: int, weight: float = 1.0) -> Loss:
    return GuidedLoss(classes, weight)
