"""From the common input (n, 4, D, H, W) – arterial, portal, delayed, lesion mask – to what one network looks at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.phase_roles import PHASES

_TINY_VARIANCE = 1e-6


class Channels(nn.Module):
    """Picks the phases, z-scores each of them within its patch, and keeps the mask as it is.

    Inside the network, without parameters, so that every bundle and every ONNX file brings it: inputs between 0 and 1
    as they are did not learn.

    >>> Channels(("arterial", "portal"))(torch.rand(1, 4, 8, 8, 8)).shape
    torch.Size([1, 3, 8, 8, 8])
    """

    def __init__(self, phases: Sequence[str] = PHASES) -> None:
        super().__init__()
        strangers = [each for each in phases if each not in PHASES]
        if not phases or strangers or len(set(phases)) < len(phases):
            raise InvalidInputError(
                f"a network cannot look at the phases {', '.join(phases) or 'none'}",
                where="network option 'phases'",
                remedy=f"choose from {', '.join(PHASES)}, each once",
            )
        self.picked = [PHASES.index(each) for each in phases]

    @property
    def count(self) -> int:
        """Channels that come out: the phases and the mask."""
        return len(self.picked) + 1

    def forward(self, patches: Tensor) -> Tensor:
        images = patches[:, self.picked]
        middle = images.mean(dim=(2, 3, 4), keepdim=True)
        centred = images - middle
        variance = centred.square().mean(dim=(2, 3, 4), keepdim=True)
        return torch.cat([centred * torch.rsqrt(variance + _TINY_VARIANCE), patches[:, len(PHASES) :]], dim=1)
