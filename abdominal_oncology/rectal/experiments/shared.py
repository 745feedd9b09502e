"""What all experiments of this room do: paint patients once, cross-validate a recipe, give mean ± SD over folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from abdominal_oncology.learning.experiment import Measured, Results, Row, Scale, Work
from abdominal_oncology.learning.plots import bars
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import SampleStore, build_store, fingerprint, open_store
from abdominal_oncology.progress import part
from abdominal_oncology.rectal.phantom import STAGES
from abdominal_oncology.rectal.prepare import VolumePreparation
from abdominal_oncology.rectal.training import default_recipe, phantom_samples, published_recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

PAPER_004 = "Lee et al., Moving from 2D to 3D (004)"
METRICS = {"AUC": "auc", "Acc": "accuracy", "Recall(T2)": "recall:T2", "Recall(T3)": "recall:T3"}
NOTES = (
    "Phantoms are not patients: their tumours, readers' marks and scanners are those that their generator knows. The "
    "table compares methods on equal ground; it does not say how right they would be in a hospital, and a figure above "
    "the paper's is no better result.",
    "Mean ± SD over folds by patient, each answered by the last weights of a network that never saw its patients. The "
    "SD holds the luck of the test patients and of the training together; with few folds it is itself uncertain.",
    "The paper's accuracies and recalls are percentages, ours are shares. Decisions fall at a probability of one half, "
    "as far as the paper tells.",
)
PLAN_NOTE = (
    "Begun with a bundle, all rows share one flat encoder that has seen thousands of other phantom patients; what "
    "differs is what little training on these adds. f-R(2+1)D, whose kernels are in two parts, cannot begin there and "
    "begins with random weights. Without a bundle, below scale full, the encoders have fewer filters (see the data "
    "line) and learn from few patients for few epochs. Below scale full AdamW replaces SGD, with a bundle or without, "
    "and differences of some hundredths mean nothing."
)


@dataclass(frozen=True)
class Plan:
    """How large an experiment is; ``filters`` are those of the first layer (the paper's: 32).

    ``learning_rate`` None: the recipe's.
    """

    patients: int
    folds: int
    preparation: VolumePreparation
    filters: int
    slice_epochs: int
    volume_epochs: int
    published: bool = False
    learning_rate: float | None = None


_SMOKE = VolumePreparation(size=32, field_mm=80.0, depth=4, scale_by="region")
_SMALL = VolumePreparation(size=128, field_mm=80.0, depth=16, scale_by="region")
_FULL = VolumePreparation(depth=24, bias_correction=True)
PLANS: Mapping[Scale, Plan] = {
    "smoke": Plan(20, 2, _SMOKE, 4, 1, 1),
    "small": Plan(150, 3, _SMALL, 16, 12, 5),
    "full": Plan(567, 10, _FULL, 32, 50, 50, published=True),
}
BEGUN: Mapping[Scale, Plan] = {
    "smoke": replace(PLANS["smoke"], filters=32, learning_rate=1e-4),
    "small": Plan(90, 3, _SMALL, 32, 2, 1, learning_rate=5e-5),
    "full": replace(PLANS["full"], learning_rate=1e-3),
}
"""Plans of experiments that begin with the weights of a trained flat encoder: they have less to learn."""

START = "f-r2d"
_SEEDS_APART = 100_000  # patients of experiments: not those of the seeds that a bundle is trained with
_HARD_TO_START = "f-r2plus1d"  # its kernels are in two parts, which no flat encoder has
DATA = (
    "phantom patients: 20 of 4 × 32 × 32 in 2 folds, 4 filters (smoke); 150 of 16 × 128 × 128 in 3 folds, 16 filters "
    "(small; 8 for the encoders' table; begun with a bundle: 90 patients, 32 filters, for the encoders' table 60 in 2 "
    "folds); 567 of 24 × 256 × 256 in 10 folds, 32 filters (full)"
)


def plan_of(work: Work) -> Plan:
    return PLANS[work.scale] if work.start is None else BEGUN[work.scale]


def volume_recipe(plan: Plan, seed: int, network: str = "f-rmc5", aggregation: str = "bilinear") -> Recipe:
    """The volume level, which begins with the slice level; as published at full scale."""
    recipe = published_recipe(network) if plan.published else default_recipe(network)
    assert recipe.before is not None
    slices = _planned(recipe.before, plan, "none", seed).with_train(epochs=plan.slice_epochs)
    volume = replace(_planned(recipe, plan, aggregation, seed), before=None).with_train(epochs=plan.volume_epochs)
    return replace(volume, before=slices)


def slice_recipe(plan: Plan, seed: int, network: str = "f-rmc5") -> Recipe:
    """The slice level alone, of the network itself."""
    recipe = volume_recipe(plan, seed, network).before
    assert recipe is not None
    return replace(recipe, network=network)


def patients(work: Work, plan: Plan) -> SampleStore:
    """The plan's phantom patients in folds, painted once per experiment."""
    recipe = volume_recipe(plan, work.seed)
    folder = work.shared / "patients" / fingerprint(plan.patients, work.seed, dict(recipe.preparation))
    if not (folder / "store.json").exists():
        painted = phantom_samples(plan.patients, _SEEDS_APART + work.seed, recipe, part(work.progress, 0.0, 0.3))
        build_store(folder, painted, STAGES, dict(recipe.preparation))
    # imported here: listing experiments must not need torch
    from abdominal_oncology.learning.crossval import in_folds

    return in_folds(open_store(folder), plan.folds, work.seed)


def cross_validated(recipe: Recipe, work: Work, plan: Plan) -> Row:
    """AUC, accuracy and recalls over the folds, and how many parameters the network has."""
    import abdominal_oncology.rectal.networks  # noqa: F401  # registered by being imported
    from abdominal_oncology.learning.crossval import cross_validate
    from abdominal_oncology.learning.networks import find_network

    store = patients(work, plan)
    result = cross_validate(
        recipe,
        store,
        work.folder / "folds",
        device=work.device,
        start=_weights(work, recipe),
        progress=part(work.progress, 0.3, 1.0),
    )
    row = {}
    for title, metric in METRICS.items():
        mean, sd = result.mean_and_sd(metric)
        row[title] = Measured(mean, sd=sd)
    network = find_network(recipe.task, recipe.network).build(len(recipe.classes), **recipe.network_options)
    row["# params"] = Measured(float(sum(each.numel() for each in network.parameters())))
    return row


def paper(auc: str, accuracy: str, t2: str, t3: str, parameters: str = "") -> Mapping[str, str]:
    """A row as it is printed."""
    printed = {"AUC": auc, "Acc": accuracy, "Recall(T2)": t2, "Recall(T3)": t3}
    return printed | ({"# params": parameters} if parameters else {})


def draw_auc(results: Results, folder: object) -> Mapping[str, Figure]:
    """Mean AUC of every row, with the SD over folds."""
    found = [row["AUC"] for row in results.values()]
    low, high = ([each.value + sign * (each.sd or 0.0) for each in found] for sign in (-1, 1))
    return {"auc": bars(list(results), [each.value for each in found], "AUC (mean ± SD)", low=low, high=high)}


def _weights(work: Work, recipe: Recipe) -> Mapping[str, Tensor] | None:
    if work.start is None or recipe.network == _HARD_TO_START:
        return None
    return work.start.network().state_dict()


def _planned(recipe: Recipe, plan: Plan, aggregation: str, seed: int) -> Recipe:
    options = {"aggregation": aggregation, "filters": plan.filters}
    planned = replace(recipe, network_options=options, preparation=plan.preparation.to_mapping(), before=None)
    if plan.learning_rate is not None:
        planned = planned.with_train(learning_rate=plan.learning_rate)
    return planned.with_train(seed=seed, tensorboard=False)
