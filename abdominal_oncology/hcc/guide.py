"""The published method whole: four networks in folds, the regressions on what they say outside of their folds, and a
bundle of four networks trained on everything with the regressions beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.features.published import Energy
from abdominal_oncology.hcc.fusion import PARTS, Fusion
from abdominal_oncology.hcc.fusion_fit import cross_fused, fit_all_parts
from abdominal_oncology.hcc.lesion_set import LesionSet, fusion_rows, lesion_set
from abdominal_oncology.hcc.questions import CLASSES, FEATURES, QUESTIONS
from abdominal_oncology.hcc.training import HCC_SHARE, asked, labelled_phantom, phantom_lesions
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.task import Task
from abdominal_oncology.learning.uncertainty import bootstrap
from abdominal_oncology.plain import as_plain
from abdominal_oncology.progress import Progress, part, silent

if TYPE_CHECKING:
    from torch import nn

    from abdominal_oncology.learning.bundle.facts import BundleFacts
    from abdominal_oncology.learning.fit import StoreAnswers

BASELINE, READER, SIZE = "baseline", "li-rads", "size"
PHANTOMS = "synthetic lesions; no image of a patient and no real HCC was used"

Chances = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class GuideRequest:
    """What to train on what: a ``manifest`` or a number of ``phantoms``; ``recipe`` is that of the HCC network."""

    task: Task
    recipe: Recipe
    folder: Path
    name: str
    manifest: Path | None = None
    phantoms: int = 0
    data_seed: int = 0
    folds: int = 3
    device: str = "cpu"
    version: str = "1.0.0"
    trained_on: str = ""
    command: str = ""


@dataclass(frozen=True)
class Guided:
    """Where the bundle is; AUCs with intervals by method and by network; which cases were left out and why."""

    bundle: Path
    results: Mapping[str, Any]
    failed: Mapping[str, str]


@dataclass(frozen=True)
class CrossGuided:
    """What four networks say outside of their folds: ``rows`` (n, 8) for the fusion, ``fold`` (n,) of each lesion."""

    lesions: LesionSet
    answers: Mapping[str, StoreAnswers]
    rows: NDArray[np.float64]
    fold: NDArray[np.int64]

    def fused(self, seed: int) -> Chances:
        """(n,) probability of HCC by each part of the method, by a regression that never saw the patient."""
        truth, patients = self.lesions.truth(), self.lesions.patients
        return {part: cross_fused(self.rows, truth, patients, part, self.fold, seed) for part in PARTS}


def guide(request: GuideRequest, progress: Progress = silent) -> Guided:
    """Train, fuse, measure and pack; a run that was stopped goes on where it was."""
    from abdominal_oncology.learning.bundle.write import write_bundle
    from abdominal_oncology.learning.crossval import in_folds

    if request.recipe.network in ("quartet", "guided"):
        raise InvalidInputError(
            f"{request.recipe.network} cannot be one of four",
            remedy="choose tiny, small or a resnet",
        )
    recipe = request.recipe
    lesions = training_lesions(request, part(progress, 0.0, 0.15))
    lesions = lesions.in_store(in_folds(lesions.store, request.folds, recipe.train.seed))
    crossed = cross_guide(lesions, recipe, request.folder, request.device, part(progress, 0.15, 0.7))
    fused = crossed.fused(recipe.train.seed)
    fusion = fit_all_parts(crossed.rows, lesions.truth(), lesions.patients, recipe.train.seed)
    results = measured_results(crossed, fused)
    network = _train_quartet(lesions, recipe, request, part(progress, 0.7, 0.98))
    progress(0.98, "packing")
    facts = _facts(request, crossed, fused, fusion, results, network)
    bundle = request.folder / "bundle"
    write_bundle(bundle, network, facts, replace=True)
    progress(1.0, "done")
    return Guided(bundle, results, dict(lesions.store.failed))


def training_lesions(request: GuideRequest, progress: Progress = silent) -> LesionSet:
    """Prepared and measured in the request's folder, or found there."""
    from abdominal_oncology.learning.from_manifest import labelled_cases
    from abdominal_oncology.learning.manifest import read_manifest

    if (request.manifest is None) == (request.phantoms == 0):
        raise InvalidInputError("give either a manifest or a number of phantoms")
    wanted = replace(asked(request.recipe, "hcc"), also=FEATURES)
    folder = request.folder / "lesions"
    if request.manifest is not None:
        facts, cases = labelled_cases(read_manifest(request.manifest), request.task, wanted, progress)
        return lesion_set(folder, cases, wanted, facts)
    return phantom_set(folder, request.phantoms, request.data_seed, wanted, progress)


def phantom_set(
    folder: Path,
    count: int,
    seed: int,
    recipe: Recipe,
    progress: Progress = silent,
    *,
    size_set: str = "small",
    hcc_share: float = HCC_SHARE,
) -> LesionSet:
    """Synthetic lesions with what is measured on them. The recipe asks for HCC and also for the features."""
    from abdominal_oncology.hcc.lesion_input import LesionPreparation

    settings = LesionPreparation.from_mapping(recipe.preparation)
    facts = {
        "preparation": dict(recipe.preparation),
        "phantoms": count,
        "seed": seed,
        "sizes": size_set,
        "hcc": hcc_share,
    }
    lesions = phantom_lesions(count, seed, size_set=size_set, hcc_share=hcc_share, progress=progress)
    cases: Any = (labelled_phantom(each, settings, recipe, measure=True) for each in lesions)
    return lesion_set(folder, cases, recipe, facts)


def cross_guide(
    lesions: LesionSet, recipe: Recipe, folder: Path, device: str = "cpu", progress: Progress = silent
) -> CrossGuided:
    """Four networks in the folds of the lesions' store; a finished fold is not trained again."""
    from abdominal_oncology.hcc import networks  # noqa: F401  imported to be registered
    from abdominal_oncology.learning.crossval import cross_validate

    answers, chances = {}, {}
    for n, question in enumerate(QUESTIONS):
        reporting = _about(question, part(progress, n / len(QUESTIONS), (n + 1) / len(QUESTIONS)))
        done = cross_validate(
            asked(recipe, question), lesions.asked(question), folder / question, device=device, progress=reporting
        )
        answers[question] = done.answers
        chances[question] = softmax(done.answers.logits.astype(np.float64), axis=1)[:, 1]
    names = sorted({case.split for case in lesions.store.cases})
    fold = np.array([names.index(case.split) for case in lesions.store.cases])
    return CrossGuided(lesions, answers, fusion_rows(chances, lesions), fold)


def measured_results(crossed: CrossGuided, fused: Chances) -> dict[str, Any]:
    """AUCs with 95 % intervals by patient: of HCC by each method, and of each feature by its network."""
    lesions = crossed.lesions
    of_hcc = {BASELINE: crossed.rows[:, 0], **fused, READER: lesions.lirads, SIZE: _ranked(lesions.measured[:, -1])}
    table: dict[str, Any] = {"cases": len(crossed.rows)}
    for name, chances in of_hcc.items():
        table[f"auc:{name}"] = _auc(chances, lesions.truth(), lesions.patients)
    for column, feature in enumerate(FEATURES, start=1):
        table[f"auc:feature {feature}"] = _auc(crossed.rows[:, column], lesions.truth(feature), lesions.patients)
    return table


def hcc_predictions(chances: NDArray[np.float64], lesions: LesionSet) -> Predictions:
    return Predictions(np.column_stack([1 - chances, chances]), lesions.truth(), lesions.patients, CLASSES["hcc"])


def _train_quartet(lesions: LesionSet, recipe: Recipe, request: GuideRequest, progress: Progress) -> nn.Module:
    """The four networks trained on all lesions, as one."""
    from abdominal_oncology.hcc.networks.composed import Quartet
    from abdominal_oncology.learning.fit import fit

    everyone = range(len(lesions.store.cases))
    members = {}
    for n, question in enumerate(QUESTIONS):
        reporting = _about(question, part(progress, n / len(QUESTIONS), (n + 1) / len(QUESTIONS)))
        members[question] = fit(
            asked(recipe, question),
            lesions.asked(question),
            everyone,
            (),
            request.folder / question / "all",
            device=request.device,
            progress=reporting,
        ).network.cpu()
    return _as_it_will_be_read(Quartet(members).eval())


def _as_it_will_be_read(network: nn.Module) -> nn.Module:
    """With weights rounded as the bundle keeps them, so that what is measured on it is true of the bundle."""
    from abdominal_oncology.learning.bundle.weights import state_to_write

    network.load_state_dict({name: value.float() for name, value in state_to_write(network, half=True).items()})
    return network


def _facts(
    request: GuideRequest,
    crossed: CrossGuided,
    fused: Chances,
    fusion: Fusion,
    results: Mapping[str, Any],
    network: nn.Module,
) -> BundleFacts:
    from abdominal_oncology.learning.bundle.facts import BundleFacts
    from abdominal_oncology.learning.package import (
        SOFTWARE,
        abstain_below,
        case_temperature,
        familiar_features,
        seconds_per_sample,
    )

    recipe, store = request.recipe, crossed.lesions.store
    everyone = range(len(store.cases))
    whole = hcc_predictions(fused["dlf+hf"], crossed.lesions)
    about = request.task.about
    return BundleFacts(
        request.name,
        request.version,
        "hcc",
        "quartet",
        CLASSES["hcc"],
        store.shape,
        request.trained_on or (PHANTOMS if request.phantoms else "patients of the user's own manifest"),
        {"member": recipe.network},
        dict(recipe.preparation),
        {"fusion": fusion.to_table(), "energy": Energy.MEAN.value},
        round(case_temperature(crossed.answers["hcc"], crossed.lesions.asked("hcc")), 5),
        {"abstain": abstain_below(whole)},
        familiar_features(network, store, everyone, recipe.train.seed),
        {
            "command": request.command,
            "recipe": as_plain(recipe.to_mapping()),
            "seed": recipe.train.seed,
            "data_seed": request.data_seed,
            "folds": request.folds,
            "software": SOFTWARE,
            "cases": len(store.cases),
            "samples": len(store),
        },
        results,
        seconds_per_sample(network, store.shape),
        about.intended_use,
        about.limits,
        "AbdominalOncology",
        about.references,
    )


def _auc(chances: NDArray[np.float64], truth: NDArray[np.int64], patients: tuple[str, ...]) -> dict[str, float | None]:
    found = bootstrap(Predictions(np.column_stack([1 - chances, chances]), truth, patients, ("no", "yes")), ["auc"])
    numbers = {key: getattr(found["auc"], key) for key in ("value", "low", "high")}
    return {key: None if np.isnan(number) else round(float(number), 4) for key, number in numbers.items()}


def _ranked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Into 0 … 1 in the same order: an AUC knows nothing else."""
    return np.searchsorted(np.unique(values), values) / max(1, len(np.unique(values)))


def _about(question: str, progress: Progress) -> Progress:
    def report(fraction: float, stage: str) -> None:
        progress(fraction, f"{question}: {stage}")

    return report
