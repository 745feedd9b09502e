"""The published method whole: four networks in folds, the regressions on what they say outside of their folds, and a
bundle of four networks trained on everything with the regressions beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.cross_guide import (
    Chances,
    CrossGuided,
    about,
    cross_guide,
    hcc_predictions,
    measured_results,
)
from abdominal_oncology.hcc.features.published import Energy
from abdominal_oncology.hcc.fusion import WIDEST, Fusion
from abdominal_oncology.hcc.fusion_fit import fit_all_parts
from abdominal_oncology.hcc.lesion_set import LesionSet, lesion_set, phantom_set
from abdominal_oncology.hcc.questions import CLASSES, COMPOSED, FEATURES, QUESTIONS
from abdominal_oncology.hcc.training import asked
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.task import Task
from abdominal_oncology.plain import as_plain
from abdominal_oncology.progress import Progress, part, silent

if TYPE_CHECKING:
    from torch import nn

    from abdominal_oncology.learning.bundle.facts import BundleFacts

PHANTOMS = "synthetic lesions; no image of a patient and no real HCC was used"


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


def guide(request: GuideRequest, progress: Progress = silent) -> Guided:
    """Train, fuse, measure and pack; a run that was stopped goes on where it was."""
    from abdominal_oncology.learning.bundle.write import write_bundle
    from abdominal_oncology.learning.crossval import in_folds

    if request.recipe.network in COMPOSED:
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


def _train_quartet(lesions: LesionSet, recipe: Recipe, request: GuideRequest, progress: Progress) -> nn.Module:
    """The four networks trained on all lesions, as one."""
    from abdominal_oncology.hcc.networks.composed import Quartet
    from abdominal_oncology.learning.fit import fit

    everyone = range(len(lesions.store.cases))
    members = {}
    for n, question in enumerate(QUESTIONS):
        reporting = about(question, part(progress, n / len(QUESTIONS), (n + 1) / len(QUESTIONS)))
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
    whole = hcc_predictions(fused[WIDEST[0]], crossed.lesions)
    told = request.task.about
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
        told.intended_use,
        told.limits,
        "AbdominalOncology",
        told.references,
    )
