"""CD-GAN (Tang et al. 2020, arXiv 1911.06395): learn the phase of a slice by learning to change it.

A generator takes a slice apart into content and a low-dimensional phase code, and puts it together again with the code
of another phase. A discriminator – a ResNet-18 with two heads – tells real from generated and says the phase; its phase
head is the classifier. The paper prints no layer table: sizes here are ours.

**How the common training loop drives it.** In evaluation, ``forward`` is the phase head alone. In training it also
plays one round of the game and returns, in the place of features, one column per term, each a loss per slice:
``CDGAN.TERMS``. :class:`CDGANLoss` adds their means to the cross-entropy of the phase head. None of the terms needs the
label, because the target phase of each slice is drawn at random and a slice goes home by its own code.

Both players step at once, from one backward pass: generator terms go through a discriminator whose weights are held
still, discriminator terms see generated slices without their history. No gradient has to be reversed and no step
alternated; with Adam, which scales each weight alone, this is the usual game with equal learning rates.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.loss_table import register_loss
from abdominal_oncology.learning.losses import Loss
from abdominal_oncology.learning.networks import register
from abdominal_oncology.learning.residual import monai_resnet
from abdominal_oncology.learning.trainer import Output

CODE = 8  # numbers that say the phase


class Generator(nn.Module):
    """Content by convolutions, phase code by global averages, and a decoder whose norms the code scales."""

    def __init__(self, classes: int, channels: int, width: int = 32) -> None:
        super().__init__()
        self.content = nn.Sequential(
            *_normed(nn.Conv2d(channels, width, 7, padding=3, bias=False), width),
            *_normed(nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), 2 * width),
            *_normed(nn.Conv2d(2 * width, 4 * width, 4, 2, 1, bias=False), 4 * width),
        )
        # no norm on this way: instance norm would take away the mean enhancement, which is what the code must say
        self.code = nn.Sequential(
            nn.Conv2d(channels, width, 5, 4, 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 2 * width, 3, 2, 1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(2 * width, CODE),
        )
        self.phase_codes = nn.Embedding(classes, CODE)
        self.fuse = nn.ModuleList(_CodedBlock(4 * width) for _ in range(2))
        self.decode = nn.Sequential(
            nn.Upsample(scale_factor=2),
            nn.Conv2d(4 * width, 2 * width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(2 * width, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, channels, 7, padding=3),
            nn.Sigmoid(),
        )

    def join(self, content: Tensor, code: Tensor) -> Tensor:
        """A slice, windowed to 0…1, from its content and a phase code."""
        for block in self.fuse:
            content = block(content, code)
        slices: Tensor = self.decode(content)
        return slices


class Discriminator(nn.Module):
    """A ResNet-18 with two heads: real or generated, and which phase."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.backbone = monai_resnet("basic", [2, 2, 2, 2], channels)
        self.phase = nn.Linear(512, classes)
        self.real = nn.Linear(512, 1)

    def forward(self, slices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Phase logits (n, K), realness (n,), features (n, 512)."""
        features = self.backbone(slices)
        return self.phase(features), self.real(features)[:, 0], features


class CDGAN(nn.Module):
    """Slices (n, channels, H, W) in 0…1, H and W multiples of 32; see the module's text for what ``forward`` gives."""

    TERMS: ClassVar[tuple[str, ...]] = (
        "discriminator",  # hinge loss on real and generated slices
        "generator",  # −realness of generated slices
        "phase of generated",  # cross-entropy against the phase asked for
        "cycle",  # |slice − slice brought back to its own code|
        "content",  # |content before − content after|
        "code",  # |code read from a generated slice − code given to it|
    )

    def __init__(self, classes: int, channels: int = 1) -> None:
        super().__init__()
        self.generator = Generator(classes, channels)
        self.discriminator = Discriminator(classes, channels)

    def forward(self, slices: Tensor) -> Output:
        logits, realness, features = self.discriminator(slices)
        return Output(logits, self._round(slices, realness) if self.training else features)

    def _round(self, slices: Tensor, realness: Tensor) -> Tensor:
        generator, classes = self.generator, self.generator.phase_codes.num_embeddings
        wanted = torch.randint(classes, (len(slices),), device=slices.device)
        wanted_code = generator.phase_codes(wanted)
        content, own_code = generator.content(slices), generator.code(slices)
        generated = generator.join(content, wanted_code)
        content_after, code_after = generator.content(generated), generator.code(generated)
        brought_back = generator.join(content_after, own_code)

        _, realness_of_generated, _ = self.discriminator(generated.detach())
        with _held_still(self.discriminator):
            phase_given, realness_wished, _ = self.discriminator(generated)
        terms = (
            functional.relu(1 - realness) + functional.relu(1 + realness_of_generated),
            -realness_wished,
            functional.cross_entropy(phase_given.float(), wanted, reduction="none"),
            (slices - brought_back).abs().mean(dim=(1, 2, 3)),
            (content - content_after).abs().mean(dim=(1, 2, 3)),
            (wanted_code - code_after).abs().mean(dim=1),
        )
        return torch.stack([term.float() for term in terms], dim=1)


class CDGANLoss(Loss):
    """Cross-entropy of the phase head plus the weighted means of ``CDGAN.TERMS``; cycle counts ten times, as usual.

    In evaluation the features are no terms, and the loss is the cross-entropy alone.
    """

    weights: Tensor

    def __init__(self, cycle: float = 10.0) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor([1.0, 1.0, 1.0, cycle, 1.0, 1.0]))

    def forward(self, logits: Tensor, features: Tensor | None, target: Tensor) -> Tensor:
        value = functional.cross_entropy(logits, target)
        if not self.training:
            return value
        if features is None or features.shape[1] != len(CDGAN.TERMS):
            raise InvalidInputError("this loss trains the network cd-gan only, which hands it one column per term")
        return value + (features @ self.weights.to(features)).mean()


class _CodedBlock(nn.Module):
    """A residual block after whose norms each channel is scaled and shifted as the code says."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.InstanceNorm2d(width)
        self.scale_shift = nn.Linear(CODE, 4 * width)

    def forward(self, content: Tensor, code: Tensor) -> Tensor:
        scale_1, shift_1, scale_2, shift_2 = self.scale_shift(code)[:, :, None, None].chunk(4, dim=1)
        inside = functional.relu(self.norm(self.first(content)) * (1 + scale_1) + shift_1)
        result: Tensor = content + self.norm(self.second(inside)) * (1 + scale_2) + shift_2
        return result


def _normed(convolution: nn.Module, width: int) -> tuple[nn.Module, ...]:
    return convolution, nn.InstanceNorm2d(width, affine=True), nn.ReLU(inplace=True)


@contextmanager
def _held_still(network: nn.Module) -> Iterator[None]:
    """Gradients pass through, none arrive; running statistics of its norms are not moved by this pass either."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    momenta = [norm.momentum for norm in norms]
    for weight in weights:
        weight.requires_grad_(False)
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


@register(
    "cd-gan",
    task="phase",
    input_shape=(1, 128, 128),
    tiny_shape=(1, 64, 64),
    source="Tang et al. 2020 (arXiv 1911.06395), written here on monai's ResNet",
)
def cd_gan(classes: int, channels: int = 1) -> nn.Module:
    return CDGAN(classes, channels)


register_loss("cd-gan")(CDGANLoss)
