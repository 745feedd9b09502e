"""A whole training: data → store → fit → figures on cases never seen → bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.bundle.load import Bundle
from abdominal_oncology.learning.bundle.write import write_bundle
from abdominal_oncology.learning.cluster import FabricEngine
from abdominal_oncology.learning.device import choose_device
from abdominal_oncology.learning.engine import Engine, SingleDevice
from abdominal_oncology.learning.fit import fit
from abdominal_oncology.learning.from_manifest import store_of_manifest, store_of_phantoms
from abdominal_oncology.learning.manifest import read_manifest
from abdominal_oncology.learning.package import facts_of
from abdominal_oncology.learning.predictions_file import write_predictions
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import SampleStore
from abdominal_oncology.learning.task import HasDecisionTable, Task
from abdominal_oncology.progress import Progress, part, silent

TRAIN, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True)
class TrainRequest:
    """What to train on what. Either ``manifest`` or a number of ``phantoms``."""

    task: Task
    recipe: Recipe
    folder: Path
    name: str
    manifest: Path | None = None
    phantoms: int = 0
    data_seed: int = 0
    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    version: str = "1.0.0"
    trained_on: str = ""
    command: str = ""
    onnx: bool = False
    start_from: Bundle | None = None


@dataclass(frozen=True)
class Trained:
    """Where everything is, and the figures on the side ``held_out`` of the split."""

    bundle: Path
    predictions: Path
    steps: int
    best_step: int
    held_out: str
    results: Mapping[str, Any]
    failed: Mapping[str, str]


def train_task(request: TrainRequest, progress: Progress = silent) -> Trained | None:
    """Train, measure and pack. None on the ranks of a training on several devices that do not write."""
    recipe, folder = request.recipe, request.folder
    start = _start(request)
    engine = _engine(request)
    if engine.rank == 0:  # the other ranks wait, and then find everything ready
        prepare(request, part(progress, 0.0, 0.2))
    engine.barrier()
    store = prepare(request)
    training, validation, test = (store.on_side(side) for side in (TRAIN, VALIDATION, TEST))
    held_out, side = (test, TEST) if test else (validation, VALIDATION)
    if not training or not held_out:
        sides = sorted({case.split for case in store.cases})
        raise InvalidInputError(
            f"training needs the sides {TRAIN} and {VALIDATION} or {TEST} of the split; there are {sides}",
            where=request.manifest or folder,
            remedy="write them with abdominal-oncology split --sides train=0.7,validation=0.15,test=0.15",
        )
    if engine.rank == 0:
        recipe.write_yaml(folder / "recipe.yaml")
    fitted = fit(
        recipe,
        store,
        training,
        validation,
        folder / "run",
        engine=engine,
        start=start,
        progress=part(progress, 0.2, 0.95),
    )
    if engine.rank != 0:
        return None
    progress(0.95, "measuring on cases that were not trained on")
    facts, answers = facts_of(
        fitted,
        store,
        training,
        held_out,
        name=request.name,
        version=request.version,
        trained_on=request.trained_on or ("phantoms" if request.phantoms else "patients of the user's own manifest"),
        command=request.command,
        intended_use=request.task.about.intended_use,
        limits=request.task.about.limits,
        references=request.task.about.references,
        device=engine.device,
    )
    if request.start_from is not None:
        facts = replace(facts, training={**facts.training, "start_from": _history(request.start_from)})
    predictions = folder / f"predictions-{side}.csv"
    by_case = answers.by_case(store, facts.temperature)
    if isinstance(request.task, HasDecisionTable):
        facts = replace(facts, decision=request.task.decision_table(by_case))
    write_predictions(predictions, [store.cases[i].case for i in held_out], by_case)
    bundle = folder / "bundle"
    write_bundle(bundle, fitted.network.cpu(), facts, onnx=request.onnx, replace=True)
    progress(1.0, "done")
    return Trained(bundle, predictions, fitted.run.steps, fitted.run.best_step, side, facts.results, dict(store.failed))


def prepare(request: TrainRequest, progress: Progress = silent) -> SampleStore:
    """The samples of the request, made or found ready in the run's folder."""
    if (request.manifest is None) == (request.phantoms == 0):
        raise InvalidInputError("give either a manifest or a number of phantoms")
    folder = request.folder / "samples"
    if request.manifest is not None:
        return store_of_manifest(read_manifest(request.manifest), request.task, request.recipe, folder, progress)
    return store_of_phantoms(request.phantoms, request.data_seed, request.task, request.recipe, folder, progress)


def _start(request: TrainRequest) -> dict[str, Tensor] | None:
    """The weights of the bundle to go on from, whatever its options: of the same network for the same classes, or of
    the network whose training would come first (:attr:`Recipe.before`) and which it then replaces.
    """
    if request.start_from is None:
        return None
    facts, recipe = request.start_from.facts, request.recipe
    networks = {recipe.network, recipe.network if recipe.before is None else recipe.before.network}
    if (recipe.task, recipe.classes) != (facts.task, facts.classes) or facts.network not in networks:
        raise InvalidInputError(
            f"bundle {facts.name} holds {facts.network} for {', '.join(facts.classes)}, the recipe wants "
            f"{' or '.join(sorted(networks))} for {', '.join(recipe.classes)}",
            where=request.start_from.path,
            remedy="start from a bundle with the same network and classes; its options may differ",
        )
    return request.start_from.network().state_dict()


def _history(bundle: Bundle) -> dict[str, Any]:
    """How the bundle was made that a training went on from."""
    return {"name": bundle.facts.name, "version": bundle.facts.version, **bundle.facts.training}


def _engine(request: TrainRequest) -> Engine:
    choice = choose_device(request.device)
    precision = request.recipe.train.precision
    if request.devices * request.nodes == 1:
        return SingleDevice(choice.device, precision)
    return FabricEngine(choice.device.type, request.devices, request.nodes, precision=precision)
