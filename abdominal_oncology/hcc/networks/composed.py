"""Networks of networks: the four trainings as one (quartet), and the features as a head of one network (guided)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.networks.plain import INPUT_SHAPE, SOURCE, TINY_SHAPE
from abdominal_oncology.hcc.phase_roles import PHASES
from abdominal_oncology.hcc.questions import COMPOSED, FEATURES, PHASES_OF, QUESTIONS
from abdominal_oncology.learning.networks import find_network, register
from abdominal_oncology.learning.residual import Classifier
from abdominal_oncology.learning.trainer import Output


def log_odds(logits: Tensor) -> Tensor:
    """Of the second of two classes, (n, 1)."""
    return logits[:, 1:2] - logits[:, 0:1]


class Quartet(nn.Module):
    """Four networks of one kind, trained one by one and asked at once.

    The logits are the HCC network's; the features begin with the four log-odds (in the order of QUESTIONS) and end
    with what the HCC network's last layer saw.
    """

    def __init__(self, members: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleDict(members)

    def forward(self, patches: Tensor) -> Output:
        answers: dict[str, Output] = {question: self.members[question](patches) for question in QUESTIONS}
        hcc = answers["hcc"]
        odds = [log_odds(answers[question].logits) for question in QUESTIONS]
        return Output(hcc.logits, torch.cat([*odds, hcc.features], dim=1))


@register("quartet", task="hcc", input_shape=INPUT_SHAPE, tiny_shape=TINY_SHAPE, source=SOURCE)
def quartet(classes: int, member: str = "tiny") -> nn.Module:
    """``member`` is the kind of all four."""
    kind = find_network("hcc", _plain_member(member))
    return Quartet(
        {
            question: kind.build(classes if question == "hcc" else 2, phases=PHASES_OF[question])
            for question in QUESTIONS
        }
    )


class Guided(nn.Module):
    """The source paper's future work: one network, a multi-label head for the features, and the HCC head after it.

    The HCC head sees the representation and the features' log-odds. The features given out begin with the log-odds of
    HCC and the LI-RADS features, as a quartet's do.
    """

    def __init__(self, body: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.body = body
        self.signs = nn.Linear(width, len(FEATURES))
        self.decision = nn.Linear(width + len(FEATURES), classes)

    def forward(self, patches: Tensor) -> Output:
        seen: Tensor = self.body(patches)
        signs = self.signs(seen)
        logits = self.decision(torch.cat([signs, seen], dim=1))
        return Output(logits, torch.cat([log_odds(logits), signs, seen], dim=1))


@register("guided", task="hcc", input_shape=INPUT_SHAPE, tiny_shape=TINY_SHAPE, source=SOURCE)
def guided(classes: int, member: str = "tiny", phases: Sequence[str] = PHASES) -> nn.Module:
    """``member`` is the network whose own last layer gives way to the two heads."""
    whole = find_network("hcc", _plain_member(member)).build(classes, phases=phases)
    assert isinstance(whole, Classifier)
    return Guided(whole.backbone, whole.head.in_features, classes)


def _plain_member(name: str) -> str:
    if name in COMPOSED:
        raise InvalidInputError(
            f"{name} cannot be a part of itself", where="network option 'member'", remedy="choose tiny or small"
        )
    return name
