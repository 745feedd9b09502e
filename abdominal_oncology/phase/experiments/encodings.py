"""``phase-encodings``: paper 000, Fig. 4 (accuracy over training-set size for five encodings) and Fig. 5 (the labels
that are learned)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from abdominal_oncology.learning.config import TrainConfig
from abdominal_oncology.learning.experiment import Experiment, Measured, Results, Row, Scale, Work
from abdominal_oncology.learning.plots import Series, lines, tables
from abdominal_oncology.learning.recipe import LossTerm, Recipe
from abdominal_oncology.phase.encodings import (
    circular_orders,
    circular_sord,
    equally_spaced,
    learned_encoding,
    one_hot,
    pl_sord_weights,
)
from abdominal_oncology.phase.experiments.scans import VolumeForm
from abdominal_oncology.phase.experiments.shared import (
    INTERVAL_NOTE,
    PHANTOM_NOTE,
    Plan,
    by_slice,
    by_vote,
    kept_answers,
    measured,
    scan_store,
)
from abdominal_oncology.phase.labels import INTERCLASS_VIEW
from abdominal_oncology.phase.prepare import SlicePreparation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES = INTERCLASS_VIEW.classes
ENCODINGS: Mapping[str, LossTerm] = {
    "one-hot": LossTerm("soft-cross-entropy"),
    "circular s=1": LossTerm("circular-sord", options={"s": 1.0}),
    "circular s=0.625": LossTerm("circular-sord", options={"s": 0.625}),
    "PL-SORD s=1": LossTerm("pl-sord", options={"s": 1.0}),
    "learned s=0.855": LossTerm("learned-encoding", options={"s": 0.855}),
}
_LEARNED = "learned s=0.855"
_LETTERS = {"non-contrast": "NC", "arterial": "A", "venous": "V", "delayed": "D"}
_LABEL_ROW = "labels learned for "


@dataclass(frozen=True)
class _Scope:
    """``sizes`` are training scans; every training takes as many steps, as in the paper, whatever its size."""

    sizes: tuple[int, ...]
    encodings: tuple[str, ...]
    plan: Plan
    form: SlicePreparation | VolumeForm
    train: TrainConfig
    batch: int


def _training(iterations: int, validate_every: int, learning_rate: float = 1e-3) -> TrainConfig:
    return TrainConfig(
        iterations=iterations,
        learning_rate=learning_rate,
        schedule="constant",
        validate_every=validate_every,
        checkpoint_every=iterations,
        best_metric="accuracy",
        tensorboard=False,
    )


_SCOPES: Mapping[Scale, _Scope] = {
    "smoke": _Scope(
        (4, 8),
        ("one-hot", "PL-SORD s=1", _LEARNED),
        Plan("ghostnet", 32, 8, 4, 8, 6),
        SlicePreparation(size=32),
        _training(4, 4),
        16,
    ),
    "small": _Scope(
        (16, 64, 256),
        tuple(ENCODINGS),
        Plan("resnet-18", 64, 256, 32, 120, 12),
        SlicePreparation(size=64),
        _training(200, 50),
        32,
    ),
    "full": _Scope(
        (2000, 4000, 8000, 16000, 32000),
        tuple(ENCODINGS),
        Plan("resnet-50-3d", 256, 32000, 1000, 192, 20),
        VolumeForm(20, 256, (40.0, 350.0)),
        _training(150_000, 150, 1e-4),
        32,
    ),
}


def rows(scale: Scale) -> Sequence[str]:
    scope = _SCOPES[scale]
    fitted = [f"{encoding}, {size} scans" for size in scope.sizes for encoding in scope.encodings]
    return [*fitted, *(f"{_LABEL_ROW}{name}" for name in CLASSES)]


def measure(row: str, work: Work) -> Row:
    scope = _SCOPES[work.scale]
    if row.startswith(_LABEL_ROW):
        return _learned_labels(row.removeprefix(_LABEL_ROW), _folder(work, _LEARNED, max(scope.sizes)))
    encoding, _, rest = row.partition(", ")
    size = int(rest.split()[0])
    # smaller training sets are the first scans of the largest
    train, test = (scan_store(work, scope.plan, scope.form, CLASSES, test=side) for side in (False, True))
    recipe = _recipe(scope, encoding, work.seed)
    folder = _folder(work, encoding, size)
    probabilities = kept_answers(recipe, train, test, work, folder, train.on_side("train")[:size])
    result = dict(measured(by_vote(probabilities, test), {"accuracy": "accuracy", "macro F1": "macro_f1"}))
    if len(test) > len(test.cases):
        result["slice accuracy"] = measured(by_slice(probabilities, test), {"accuracy": "accuracy"})["accuracy"]
    if encoding.startswith("PL-SORD"):
        weights = pl_sord_weights(np.asarray(_learned_state(folder)["lambdas"], dtype=np.float64))
        for order, weight in zip(circular_orders(len(CLASSES)), weights, strict=True):
            result[f"σ {'-'.join(_LETTERS[CLASSES[n]] for n in order)}"] = Measured(float(weight))
    return result


def _recipe(scope: _Scope, encoding: str, seed: int) -> Recipe:
    return Recipe(
        "phase",
        scope.plan.network,
        CLASSES,
        (ENCODINGS[encoding],),
        scope.train,
        preparation={},
        sampler="balanced",
        batch=scope.batch,
    ).with_train(seed=seed)


def draw(results: Results, folder: Path) -> Mapping[str, Figure]:
    """Fig. 4 with the plain value where the paper draws a running maximum; Fig. 5."""
    points: dict[str, list[tuple[int, Measured]]] = {}
    for name, row in results.items():
        if "accuracy" in row:
            encoding, _, rest = name.partition(", ")
            points.setdefault(encoding, []).append((int(rest.split()[0]), row["accuracy"]))
    series = {
        encoding: Series(
            [size for size, _ in found],
            [each.value for _, each in found],
            [each.low or each.value for _, each in found],
            [each.high or each.value for _, each in found],
        )
        for encoding, found in points.items()
    }
    learned = [[results[f"{_LABEL_ROW}{true}"][_share(other)].value for other in CLASSES] for true in CLASSES]
    labels = {"one-hot": one_hot(4), "circular, s = 1": circular_sord(equally_spaced(4)), "learned": np.array(learned)}
    return {
        "accuracy-over-scans": lines(series, "training scans", "accuracy per scan", log_x=True),
        "label-rows": tables(labels, tuple(_LETTERS[name] for name in CLASSES), "other class", "true class"),
    }


def _folder(work: Work, encoding: str, size: int) -> Path:
    name = "".join(letter if letter.isalnum() or letter in "=.-" else "-" for letter in encoding)
    return work.shared / "runs" / f"{name}-{size}"


def _learned_labels(true: str, folder: Path) -> Row:
    alphas = np.asarray(_learned_state(folder)["alphas"], dtype=np.float64)
    table = learned_encoding(alphas, s=0.855)
    values = table[CLASSES.index(true)]
    return {_share(other): Measured(float(value)) for other, value in zip(CLASSES, values, strict=True)}


def _learned_state(folder: Path) -> Mapping[str, object]:
    """What the loss had learned when the weights were best on the validation scans."""
    from abdominal_oncology.learning.checkpoint import load_checkpoint

    state: Mapping[str, object] = load_checkpoint(folder / "best.pt")["loss"]
    return {name: value.cpu().numpy() for name, value in state.items()}  # type: ignore[attr-defined]


def _share(other: str) -> str:
    return f"share of {_LETTERS[other]}"


ENCODINGS_EXPERIMENT = Experiment(
    "phase-encodings",
    "Label encodings over training-set size (Fig. 4), labels learned (Fig. 5)",
    "Muhamedrahimov et al., learning interclass relations (000), section 6.5",
    "phantom scans in the paper's four classes; three in ten lie between two phases and belong to the nearer one; "
    "training labels come from a reader who knows the second to 10 %. Scale smoke and small: GhostNet and ResNet-18 "
    "on slices with a vote of all; full: the 3-D ResNet-50 on 20 slices",
    rows,
    measure,
    draw,
    {"one-hot, 32000 scans": {"accuracy": "90.63%"}, f"{_LEARNED}, 32000 scans": {"accuracy": "92.28%"}},
    (
        PHANTOM_NOTE,
        INTERVAL_NOTE,
        "Fig. 4 draws the highest test accuracy of any training set up to each size, a maximum that cannot fall and is "
        "chosen on the test scans. Here each value is that of its own training.",
        "Fig. 4 has no printed numbers; the two above are from section 6.5.",
        "s is on distances in radians: 1 and 0.625 are what the captions call 1π and 1.25π.",
        "σ is the weight of each circular order in PL-SORD (NC-A-V-D is the natural one). It starts at 1/3 and moves "
        "by about the learning rate per step, so a short training leaves it near there.",
        "Learned labels drift to the class most confused with each, because the loss is linear in the label: a picture "
        "of the confusions, no order of the classes.",
        "Scale full stops at 32,000 scans: 80,000 and 264,000 phantom volumes would take 100 and 350 GB.",
    ),
)
