"""What all experiments of this room do: train once, ask once, vote, and put intervals on the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from abdominal_oncology.files import replacing
from abdominal_oncology.learning.config import TrainConfig
from abdominal_oncology.learning.experiment import Measured, Row, Scale, Work
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.learning.recipe import LossTerm, Recipe
from abdominal_oncology.learning.samples import Labelled, SampleStore
from abdominal_oncology.learning.uncertainty import bootstrap
from abdominal_oncology.phase.experiments.scans import Form, VolumeForm, as_samples, kept_store, reshaped, slice_scans
from abdominal_oncology.phase.labels import SAMPLING_VIEW
from abdominal_oncology.phase.prepare import SlicePreparation
from abdominal_oncology.phase.sampling import Slab, random_slices
from abdominal_oncology.phase.training import published_recipe
from abdominal_oncology.phase.voting import Vote, majority
from abdominal_oncology.progress import part

if TYPE_CHECKING:
    from torch import nn

RESAMPLES = 5000
TIE_WEIGHT = 1e-6
MACRO = {
    "accuracy": "accuracy",
    "macro precision": "macro_precision",
    "macro recall": "macro_recall",
    "macro F1": "macro_f1",
}
PHANTOM_NOTE = (
    "Phantoms are not patients: anatomy, disease, scanners and labelling errors are those that their generator knows. "
    "The table compares methods on equal ground; it does not say how right they would be in a hospital, and a figure "
    "above the paper's is no better result."
)
INTERVAL_NOTE = (
    "Intervals: 95 %, percentiles of 5,000 resamples of the test patients (anatomies). They leave out the luck of the "
    "training: each row is one training with one seed."
)
PAPER_002 = "Dao et al., random sampling of slices (001, 002)"


@dataclass(frozen=True)
class Plan:
    """How large an experiment is. ``slices`` per scan; ``pixels`` are those of the phantoms before preparation."""

    network: str
    size: int
    train_scans: int
    validation_scans: int
    test_scans: int
    slices: int
    epochs: int = 1
    published: bool = False

    @property
    def pixels(self) -> int:
        return self.size if self.size > 160 else round(self.size * 1.5 / 16) * 16


PLANS: Mapping[Scale, Plan] = {
    "smoke": Plan("ghostnet", 32, 12, 4, 8, 6),
    "small": Plan("resnet-18", 64, 192, 16, 96, 24, 4),
    "full": Plan("efficientnet-b2", 224, 800, 80, 360, 32, 15, published=True),
}
"""Those of the slice experiments; ``full`` trains as papers 001 and 002 print it."""


def slice_recipe(plan: Plan, seed: int, network: str = "", size: int = 0) -> Recipe:
    """The published configuration at full scale; below it AdamW at 1e-3 and cross-entropy, which needs fewer steps."""
    recipe = published_recipe(network or plan.network)
    preparation = SlicePreparation(size=size or plan.size, crop="none" if plan.published else "body")
    recipe = replace(recipe, preparation=preparation.to_mapping())
    if not plan.published:
        train = TrainConfig(
            epochs=plan.epochs, optimizer="adamw", learning_rate=1e-3, weight_decay=1e-4, warmup=0.1, clip_norm=5.0
        )
        recipe = replace(recipe, loss=(LossTerm("soft-cross-entropy"),), train=train, batch=32)
    if recipe.network == "cd-gan":
        recipe = replace(recipe, loss=(LossTerm("cd-gan"),)).with_train(learning_rate=1e-3, clip_norm=5.0)
    return recipe.with_train(seed=seed, tensorboard=False)


def scan_store(
    work: Work,
    plan: Plan,
    form: SlicePreparation | VolumeForm,
    classes: tuple[str, ...] = SAMPLING_VIEW.classes,
    *,
    test: bool = False,
    several_forms: bool = False,
) -> SampleStore:
    """Training (with validation) or test scans of a plan, as slices or as volumes; made once in the experiment.

    With ``several_forms`` the HU are kept, too, so that other forms of the same scans need not be painted again.
    """
    count = plan.test_scans if test else plan.train_scans + plan.validation_scans
    facts = {"test": test, "scans": count, "slices": plan.slices, "pixels": plan.pixels, "seed": work.seed}

    def paint(form: Form) -> Iterator[Labelled]:
        scans = slice_scans(
            classes,
            count,
            plan.slices,
            plan.pixels,
            work.seed,
            test=test,
            validation=plan.validation_scans,
            progress=part(work.progress, 0.0, 0.3),
        )
        return as_samples(scans, classes, form, work.seed)

    def make() -> Iterator[Labelled]:
        if several_forms:
            return reshaped(kept_store(work.shared, facts | {"hu": True}, lambda: paint(None), classes, None), form)
        return paint(form)

    return kept_store(work.shared, facts, make, classes, form)


def slice_stores(
    work: Work, plan: Plan, recipe: Recipe, several_forms: bool = False
) -> tuple[SampleStore, SampleStore]:
    """Training and test slices, prepared as the recipe has it."""
    form = SlicePreparation.from_mapping(recipe.preparation)
    return (
        scan_store(work, plan, form, several_forms=several_forms),
        scan_store(work, plan, form, test=True, several_forms=several_forms),
    )


def fit_network(recipe: Recipe, store: SampleStore, training: Sequence[int], work: Work, folder: Path) -> nn.Module:
    """Trained on these cases; the store's validation side chooses the weights. A finished run is only loaded."""
    # imported to be registered
    import abdominal_oncology.phase.encoding_losses
    import abdominal_oncology.phase.networks  # noqa: F401
    from abdominal_oncology.learning.fit import fit

    chosen = store.on_side("validation")
    return fit(
        recipe, store, training, chosen, folder, device=work.device, progress=part(work.progress, 0.3, 0.9)
    ).network


def ask(network: nn.Module, store: SampleStore, device: str) -> NDArray[np.float64]:
    """Probabilities (samples, K) of a whole store."""
    from abdominal_oncology.learning.fit import answer_store

    answers = answer_store(network, store, range(len(store.cases)), device)
    return np.asarray(softmax(answers.logits.astype(np.float64), axis=1))


def kept_answers(
    recipe: Recipe,
    train: SampleStore,
    test: SampleStore,
    work: Work,
    folder: Path,
    training: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """Train in ``folder`` unless that was done before, and the probabilities of all test samples.

    ``training`` are the cases to train on, all of the training side by default.
    """
    path = folder / "probabilities.npy"
    if not path.exists():
        cases = train.on_side("train") if training is None else training
        network = fit_network(recipe, train, cases, work, folder)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, ask(network, test, work.device))
    kept: NDArray[np.float64] = np.load(path)
    return kept


def by_slice(probabilities: NDArray[np.float64], store: SampleStore) -> Predictions:
    """One prediction per sample; its patient is its scan's."""
    patients = [store.cases[owner].patient for owner in store.owners]
    return Predictions(probabilities, store.labels, patients, store.classes)


def by_vote(
    probabilities: NDArray[np.float64],
    store: SampleStore,
    percent: float = 100.0,
    *,
    draws: int = 1,
    slabs: Mapping[str, Slab] | None = None,
) -> Predictions:
    """Majority votes of ``percent`` of each scan's slices, ``draws`` times over with other random slices."""
    votes, owners = [], []
    for index, case in enumerate(store.cases):
        own, slab = probabilities[case.start : case.stop], (slabs or {}).get(case.case)
        for draw in range(draws):
            votes.append(majority(own[random_slices(len(own), percent, draw, slab)]))
            owners.append(index)
    return from_votes(votes, owners, store)


def from_votes(votes: Sequence[Vote], owners: Sequence[int], store: SampleStore) -> Predictions:
    """Shares of the votes as probabilities; mean probabilities break ties, as they do in the vote."""
    rows = np.stack([vote.votes / vote.read + TIE_WEIGHT * vote.mean_probability for vote in votes])
    rows /= rows.sum(axis=1, keepdims=True)
    picked = [store.cases[owner] for owner in owners]
    truth = [store.classes.index(case.label) for case in picked]
    return Predictions(rows, truth, [case.patient for case in picked], store.classes)


def measured(predictions: Predictions, names: Mapping[str, str]) -> Row:
    """Metrics under our names, each with its interval by patient."""
    estimates = bootstrap(predictions, list(names.values()), resamples=RESAMPLES)
    return {
        title: Measured(estimates[name].value, estimates[name].low, estimates[name].high)
        for title, name in names.items()
    }
