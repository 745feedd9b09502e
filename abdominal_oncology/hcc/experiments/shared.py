"""What all experiments of this room do: sets of synthetic lesions, four networks in folds, AUCs over the folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from abdominal_oncology.hcc.cross_guide import CrossGuided, cross_guide
from abdominal_oncology.hcc.fusion import PARTS, Part
from abdominal_oncology.hcc.lesion_input import PUBLISHED, QUICK, LesionPreparation
from abdominal_oncology.hcc.lesion_set import LesionSet, fusion_rows, phantom_set
from abdominal_oncology.hcc.questions import FEATURES, QUESTIONS
from abdominal_oncology.hcc.training import HCC_SHARE, asked, default_recipe, published_recipe
from abdominal_oncology.learning.experiment import Measured, Scale, Work
from abdominal_oncology.learning.metrics import Predictions, value
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.uncertainty import over_folds
from abdominal_oncology.progress import part

NETWORKS: Mapping[str, str] = {"Tiny": "tiny", "Small": "small", "ResNet-18": "resnet-18", "ResNet-50": "resnet-50"}
PAPER = "Sarfati et al., guiding the classification of HCC (003)"
TITLES: Mapping[Part, str] = {
    "dlf": "DLF",
    "hf": "HF",
    "dlf+hf": "DLF+HF",
    "hf+lf": "HF+LF",
    "dlf+hf+lf": "DLF+HF+LF",
}
PRINTED: tuple[Part, ...] = ("dlf", "hf", "dlf+hf")
"""The parts that the paper has."""
BASELINE, GAIN = "DL baseline", "gain"

PHANTOM_NOTE = (
    "Phantoms are not patients: these lesions show what their generator knows of HCC and of eight other kinds. The "
    "tables compare methods on equal ground; they do not say how right a method would be in a hospital, and a figure "
    "above the paper's is no better result."
)
FOLD_NOTE = (
    "Mean ± standard deviation over the folds, as the paper prints them; a fold of some tens of lesions varies much. "
    "The networks' probabilities that a regression learns from are those of folds that did not train on the lesion."
)
LABEL_NOTE = (
    "HCC is known as if from histology. The features' labels come from an expert who is wrong about each in 8 of 100 "
    "lesions; nobody else is told what was painted."
)
DATA = (
    "synthetic lesions, one per patient, with the sizes of the paper's Table 1 and its share of HCC. Scale small: 24 × "
    "24 × 24 voxels of 2.00 × 1.52 × 1.52 mm relative to the parenchyma, three folds, at 1e-3 six epochs of batches of "
    "8 (ResNets: three of batches of 32, 18 steps in all); full: 24 × 96 × 96 of 2.00 × 0.76 × 0.76 mm, five folds, "
    "600 epochs at 1e-5"
)


@dataclass(frozen=True)
class Plan:
    """How large an experiment is: lesions like D1 and like D2, the part of a patch that is looked at."""

    networks: tuple[str, ...]
    first: int
    second: int
    folds: int
    preparation: LesionPreparation
    epochs: int = 1
    batch: int = 8
    residual_epochs: int = 1
    residual_batch: int = 32
    published: bool = False

    def recipe(self, network: str, seed: int) -> Recipe:
        """Of the HCC network: published at full scale, else our own with fewer epochs."""
        name = NETWORKS[network]
        recipe = published_recipe(name) if self.published else default_recipe(name)
        recipe = replace(recipe, preparation=self.preparation.to_mapping())
        if not self.published:
            heavy = name.startswith("resnet")  # a step of its optimizer takes as long as a batch
            epochs = self.residual_epochs if heavy else self.epochs
            batch = self.residual_batch if heavy else self.batch
            recipe = replace(recipe.with_train(epochs=epochs, checkpoint_every=epochs), batch=batch)
        return recipe.with_train(seed=seed, tensorboard=False)


PLANS: Mapping[Scale, Plan] = {
    "smoke": Plan(("Tiny",), 20, 12, 2, replace(QUICK, shape=(16, 32, 32))),
    "small": Plan(tuple(NETWORKS), 244, 200, 3, QUICK, epochs=6, residual_epochs=3),
    "full": Plan(tuple(NETWORKS), 244, 1012, 5, PUBLISHED, published=True),
}
_D2_SHARE = 410 / 1012


def small_lesions(work: Work, plan: Plan) -> LesionSet:
    """As the paper's D1: lesions of 19 and 15 mm; in folds."""
    from abdominal_oncology.learning.crossval import in_folds

    lesions = _set(work, plan, "d1", plan.first, "small", HCC_SHARE)
    return lesions.in_store(in_folds(lesions.store, plan.folds, work.seed))


def large_lesions(work: Work, plan: Plan) -> LesionSet:
    """As the paper's D2: lesions of 33 and 18 mm, less than half of them HCC."""
    return _set(work, plan, "d2", plan.second, "large", _D2_SHARE)


def _set(work: Work, plan: Plan, name: str, count: int, sizes: str, hcc_share: float) -> LesionSet:
    recipe = replace(plan.recipe("Tiny", work.seed), also=FEATURES)
    seed = work.seed * 10 + (1 if name == "d1" else 2)
    return phantom_set(
        work.shared / "lesions" / name,
        count,
        seed,
        recipe,
        part(work.progress, 0.0, 0.1),
        size_set=sizes,
        hcc_share=hcc_share,
    )


def crossed(work: Work, plan: Plan, network: str, lesions: LesionSet, name: str = "d1") -> CrossGuided:
    """Four networks in folds, trained once in an experiment."""
    folder = work.shared / "runs" / f"{name}-{NETWORKS[network]}"
    return cross_guide(lesions, plan.recipe(network, work.seed), folder, work.device, part(work.progress, 0.1, 0.95))


def rows_elsewhere(
    work: Work, plan: Plan, network: str, fold: int, trained: LesionSet, asked_for: LesionSet
) -> NDArray[np.float64]:
    """(n, 11) inputs of the fusion for lesions of another set, from the networks of one fold."""
    from abdominal_oncology.learning.checkpoint import load_checkpoint
    from abdominal_oncology.learning.fit import answer_store, build_network

    chances = {}
    for question in QUESTIONS:
        recipe = asked(plan.recipe(network, work.seed), question)
        folder = work.shared / "runs" / f"d1-{NETWORKS[network]}" / question / f"fold-{fold}"
        model = build_network(recipe, trained.store.shape)
        model.load_state_dict(load_checkpoint(folder / "last.pt")["model"])
        answers = answer_store(model, asked_for.store, range(len(asked_for.store.cases)), work.device)
        chances[question] = softmax(answers.logits.astype(np.float64), axis=1)[:, 1]
    return fusion_rows(chances, asked_for)


def by_fold(chances: NDArray[np.float64], truth: NDArray[np.int64], fold: NDArray[np.int64]) -> list[float]:
    """The AUC in each fold."""
    return [auc(chances[fold == n], truth[fold == n]) for n in np.unique(fold)]


def auc(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Of scores on any scale; NaN where one of the two classes is missing.

    >>> auc(np.array([1.0, 3.0, 2.0, 4.0]), np.array([0, 1, 0, 1]))
    1.0
    """
    ranked = np.searchsorted(np.unique(scores), scores) / max(1, len(np.unique(scores)))
    two = Predictions(np.column_stack([1 - ranked, ranked]), truth, range(len(truth)), ("no", "yes"))
    return float(value("auc", two))


def over(values: Sequence[float]) -> Measured:
    """Mean ± standard deviation over folds."""
    mean, sd = over_folds(values)
    return Measured(mean, sd=sd)


def method_row(baseline: Sequence[float], parts: Mapping[Part, Sequence[float]]) -> dict[str, Measured]:
    """A network's row of Tables 2 and 3: AUCs over folds, and what DLF+HF adds to the network alone."""
    row = {BASELINE: over(baseline)} | {TITLES[name]: over(parts[name]) for name in PARTS}
    row[GAIN] = Measured(row[TITLES["dlf+hf"]].value - row[BASELINE].value)
    return row
