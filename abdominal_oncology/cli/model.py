"""The trained model of a command: its options, and which one is taken where the user names none."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from abdominal_oncology.errors import MissingDependencyError, MissingInputError
from abdominal_oncology.learning.bundle import NO_BUNDLE

if TYPE_CHECKING:
    from abdominal_oncology.learning.predictor import Predictor


def add_model_options(parser: argparse._ActionsContainer, alone: str) -> None:
    """``alone`` is what answers without a model."""
    parser.add_argument(
        "--bundle", help=f"installed bundle, folder or zip; 'none': {alone} alone (default: the installed one, if any)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument("--engine", choices=("auto", "torch", "onnx"), default="auto", help="what computes on a CPU")


def open_predictor(
    options: argparse.Namespace, task: str, order: Sequence[str], alone: str
) -> tuple[Predictor | None, str]:
    """The network to ask and who it is, or None and why there is none. A bundle that is named must be there."""
    if options.bundle == NO_BUNDLE:
        return None, f"{alone} alone, as asked for"
    try:
        from abdominal_oncology.learning.bundle.store import installed_store
        from abdominal_oncology.learning.predictor import Predictor
    except ModuleNotFoundError as missing:
        if options.bundle:
            raise MissingDependencyError(
                f"a bundle needs the package {missing.name}",
                where=options.bundle,
                remedy=f"install {missing.name}, or use --bundle none",
            ) from missing
        return None, f"{alone} alone: {missing.name} is not installed"
    store = installed_store()
    if options.bundle:
        bundle = store.find(options.bundle, task=task)
    else:
        try:
            bundle = store.default(task, order)
        except MissingInputError:
            return None, f"{alone} alone: no bundle is installed"
    predictor = Predictor(bundle, options.device, options.engine, cache=store.onnx_cache)
    return predictor, f"bundle {bundle.facts.name} {bundle.facts.version}"
