"""What a bundle says about its model; everything that is needed to use it and to know what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from abdominal_oncology.errors import InvalidInputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Unfamiliar:
    """Out-of-distribution statistics of the features (see :mod:`~abdominal_oncology.learning.unfamiliar`).

    Plain lists, so that they live in JSON: the training mean (d,), whitened leading directions (r, d), the usual size
    of what those leave over, and the distance that 99 % of training cases stay under.
    """

    mean: tuple[float, ...]
    directions: tuple[tuple[float, ...], ...]
    rest: float
    limit: float

    @cached_property
    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and directions to compute with; made once, for tens of thousands of numbers are slow to convert."""
        import numpy as np  # not above: a panel lists bundles without numpy

        return np.asarray(self.mean, np.float32), np.asarray(self.directions, np.float32)


@dataclass(frozen=True)
class BundleFacts:
    """``preparation`` is the task's own table of how an image becomes the network's input.

    ``decision`` is the task's table of how answers become a finding (weights of a fusion, operating points), and
    ``thresholds`` holds decision limits by name (``abstain``: the least probability that is answered). ``trained_on``
    is ``phantoms``, ``patients`` or both, in words that are shown to people. ``training`` holds command, recipe, seed
    and manifest hash; ``results`` measured figures with intervals; ``seconds`` measured times by device.
    """

    name: str
    version: str
    task: str
    network: str
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    trained_on: str
    network_options: Mapping[str, Any] = field(default_factory=dict)
    preparation: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    unfamiliar: Unfamiliar | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    intended_use: str = ""
    limits: str = ""
    authors: str = ""
    references: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or not self.name.replace("-", "").replace("_", "").isalnum():
            raise InvalidInputError(f"a bundle's name has letters, digits, - and _ only, not {self.name!r}")
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise InvalidInputError("a bundle tells at least two different classes apart", where=self.name)
        if not self.temperature > 0:
            raise InvalidInputError(f"the temperature must be positive, not {self.temperature}", where=self.name)
        if len(self.input_shape) not in (3, 4) or min(self.input_shape) < 1:
            raise InvalidInputError("input_shape is (C, H, W) or (C, D, H, W)", where=self.name)
