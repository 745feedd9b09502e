"""Task: what a clinical room tells the learning layer, so that this layer needs to know nothing of medicine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding, Provenance
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import Labelled, Samples
from abdominal_oncology.progress import Progress, silent


@dataclass(frozen=True)
class About:
    """What the card of this task's bundles tells people."""

    intended_use: str = ""
    limits: str = ""
    references: tuple[str, ...] = ()


class Task(Protocol):
    """One clinical question that networks are trained for. Rooms offer it as ``TASK`` in their module ``task``."""

    @property
    def name(self) -> str:
        """The room: ``phase``, ``hcc``, ``rectal``."""
        ...

    @property
    def question(self) -> str:
        """The manifest's label column, ``label.<question>``."""
        ...

    @property
    def roles(self) -> tuple[str, ...]:
        """Images a case must have; the first alone makes a case where a folder is given instead of a manifest."""
        ...

    @property
    def modality(self) -> Modality:
        """What its images must be."""
        ...

    @property
    def bundles(self) -> tuple[str, ...]:
        """Names of the models that come with the room, the one to use first."""
        ...

    @property
    def about(self) -> About: ...

    def recipe(self, network: str = "", published: bool = False) -> Recipe:
        """How this task is trained: what works here, or as the source paper printed it."""
        ...

    def samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        """Read what is needed of a case and prepare it for the network."""
        ...

    def training_samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        """What a training takes of a case: often as :meth:`samples`, but the same number from every case."""
        ...

    def phantoms(self, count: int, seed: int, recipe: Recipe, progress: Progress = silent) -> Iterator[Labelled]:
        """About ``count`` synthetic samples as labelled cases, made ready as :meth:`samples` would."""
        ...

    def decide(
        self, case: Case, samples: Samples, answers: Answers, facts: BundleFacts, provenance: Provenance
    ) -> Finding:
        """From the network's answers to the finding: combine, compare, warn, abstain."""
        ...


@runtime_checkable
class AsksMore(Protocol):
    """A task that trains networks for several questions."""

    def asked(self, recipe: Recipe, question: str) -> Recipe:
        """The recipe with the classes and inputs of another question."""
        ...


@runtime_checkable
class HasDecisionTable(Protocol):
    """A task whose bundles carry a decision table of their own (operating points, say), measured when they are made."""

    def decision_table(self, predictions: Predictions) -> Mapping[str, Any]:
        """From calibrated answers to cases that were held out: the bundle's ``decision``."""
        ...
