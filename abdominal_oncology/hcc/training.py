"""What the lesion networks are trained on, and how: phantoms as labelled samples, and the two recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lesion_input import PUBLISHED, QUICK, LesionPreparation, input_of_phantom
from abdominal_oncology.hcc.lesion_kinds import SizeSet
from abdominal_oncology.hcc.measure_patch import measure_patch
from abdominal_oncology.hcc.patch import LesionPatch, lesion_patch
from abdominal_oncology.hcc.questions import CLASSES, COMPOSED, FEATURES, PHASES_OF, PRESENCE, check_question
from abdominal_oncology.learning.config import TrainConfig
from abdominal_oncology.learning.recipe import LossTerm, Recipe
from abdominal_oncology.learning.samples import Labelled, Samples
from abdominal_oncology.progress import Progress, silent

EXPERT_ERROR = 0.08
"""How often the expert who labels the features is wrong about each: two such readers then agree with a kappa of about
0.7 on hyperenhancement and washout, and 0.6 on the capsule, as readers of CT do. Histology is never wrong here."""

HCC_SHARE = 161 / 244
"""Of lesions that are HCC in the source study's first set."""

_VALIDATION_EVERY = 6
_PRESENT = {"aphe": ("aphe", "nonrim"), "ec": ("capsule", True), "npw": ("washout", "nonperipheral")}


def default_recipe(network: str = "tiny", question: str = "hcc") -> Recipe:
    """What works here within minutes: a hundred times the published rate, a fiftieth of the epochs."""
    train = TrainConfig(
        epochs=12,
        optimizer="adamw",
        learning_rate=1e-3,
        weight_decay=1e-3,
        warmup=0.1,
        clip_norm=5.0,
        best_metric="auc",
    )
    recipe = Recipe(
        "hcc",
        network,
        CLASSES["hcc"],
        (LossTerm("soft-cross-entropy"),),
        train,
        preparation=QUICK.to_mapping(),
        augmentation="hcc",
        mask_channels=(3,),
        batch=16,
    )
    if network == "guided":
        recipe = replace(recipe, loss=(LossTerm("guided"),), also=FEATURES)
    return asked(recipe, question)


def published_recipe(network: str = "tiny", question: str = "hcc", pretrained: str = "") -> Recipe:
    """As paper 003 prints it: AdamW, batch 32, 600 epochs at 1e-5, weight decay 1e-3; fine-tuning ``pretrained``
    weights (a MedicalNet checkpoint) at 1e-6 with the first layers frozen.
    """
    train = TrainConfig(
        epochs=600,
        optimizer="adamw",
        learning_rate=1e-6 if pretrained else 1e-5,
        weight_decay=1e-3,
        schedule="constant",
        best_metric="auc",
        checkpoint_every=10,
    )
    recipe = default_recipe(network, question)
    recipe = replace(recipe, train=train, batch=32, preparation=PUBLISHED.to_mapping())
    if pretrained:
        options = {**recipe.network_options, "pretrained": pretrained, "freeze": True}
        recipe = replace(recipe, network_options=options)
    return recipe


def asked(recipe: Recipe, question: str) -> Recipe:
    """The same training for another question: its label column, its classes, the phases that it needs."""
    check_question(question)
    options = dict(recipe.network_options)
    options.pop("phases", None)
    if question != "hcc":
        if recipe.network in COMPOSED:
            raise InvalidInputError(f"{recipe.network} answers all questions at once", remedy="train it for hcc")
        options["phases"] = list(PHASES_OF[question])
    own = "" if question == "hcc" else question
    return replace(recipe, question=own, classes=CLASSES[question], network_options=options)


@dataclass(frozen=True, eq=False)
class PhantomLesion:
    """A synthetic lesion with the ``labels`` by question that a histologist and an expert reader gave it."""

    name: str
    patch: LesionPatch
    labels: Mapping[str, str]


def phantom_lesions(
    count: int,
    seed: int,
    *,
    size_set: SizeSet | str = SizeSet.SMALL,
    hcc_share: float = HCC_SHARE,
    progress: Progress = silent,
) -> Iterator[PhantomLesion]:
    """One lesion per patient, HCC as often as ``hcc_share`` says."""
    for index in range(count):
        progress(index / count, f"phantom lesion {index + 1} of {count}")
        own = seed * 1_000_003 + index
        rng = np.random.default_rng(np.random.SeedSequence((own, 0xE99)))
        patch = lesion_patch(own, is_hcc=bool(rng.random() < hcc_share), size_set=size_set)
        yield PhantomLesion(f"phantom-{seed}-{index}", patch, _labels(patch, rng))
    progress(1.0, f"{count} phantom lesions")


def phantom_samples(count: int, seed: int, recipe: Recipe, progress: Progress = silent) -> Iterator[Labelled]:
    """Labelled for the recipe's question; one patient in six is for validation."""
    settings = LesionPreparation.from_mapping(recipe.preparation)
    for index, lesion in enumerate(phantom_lesions(count, seed, progress=progress)):
        split = "validation" if index % _VALIDATION_EVERY == _VALIDATION_EVERY - 1 else "train"
        yield labelled_phantom(lesion, settings, recipe, split)


def labelled_phantom(
    lesion: PhantomLesion, settings: LesionPreparation, recipe: Recipe, split: str = "", measure: bool = False
) -> Labelled:
    """With ``measure`` the samples' context holds what is measured on it, LI-RADS features too."""
    label = lesion.labels[recipe.question or "hcc"]
    context = measure_patch(lesion.patch, lirads=True) if measure else None
    samples = Samples(input_of_phantom(lesion.patch, settings)[None], context=context)
    rows = label_rows(label, recipe, lesion.labels)
    return Labelled(lesion.name, lesion.name, label, samples, split, rows)


def label_rows(label: str, recipe: Recipe, labels: Mapping[str, str]) -> NDArray[np.float32] | None:
    """The classes and what the recipe asks for besides; None where it asks for nothing."""
    if not recipe.also:
        return None
    one_hot = [float(name == label) for name in recipe.classes]
    return np.array([[*one_hot, *(float(labels[name] == PRESENCE[1]) for name in recipe.also)]], np.float32)


def _labels(patch: LesionPatch, rng: np.random.Generator) -> dict[str, str]:
    ideal = patch.truth["features"]
    labels = {"hcc": CLASSES["hcc"][bool(patch.truth["is_hcc"])]}
    for feature, (name, value) in _PRESENT.items():
        seen = (ideal[name] == value) ^ (rng.random() < EXPERT_ERROR)
        labels[feature] = PRESENCE[bool(seen)]
    return labels
