"""What the Training section asks for, as commands of ``abdominal-oncology`` that a person can copy."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from abdominal_oncology.panels.text import tr

_FEWEST_FOLDS = 2


@dataclass(frozen=True)
class TrainingChoice:
    """Where a path is empty it is "". ``loss`` as the command line takes it; ``folds`` 0 trains one model, more
    cross-validates; ``epochs`` 0 leaves them to the recipe."""

    room: str
    manifest: str = ""
    phantoms: int = 0
    network: str = ""
    loss: str = ""
    epochs: int = 0
    folds: int = 0
    output: str = ""
    bundle: str = ""
    device: str = "auto"

    @property
    def validates(self) -> bool:
        return self.folds >= _FEWEST_FOLDS

    def why_not(self) -> str:
        """ "" where training can start, else what is missing."""
        if not self.manifest and not self.phantoms:
            return tr("Choose a manifest (a CSV of cases with labels and split), or a number of phantoms.")
        if self.manifest and self.phantoms:
            return tr("Choose either a manifest or phantoms, not both.")
        if self.manifest and not Path(self.manifest).is_file():
            return tr("There is no manifest {path}.").format(path=self.manifest)
        if not self.output:
            return tr("Choose a folder for the run.")
        if self.bundle and not self.bundle.replace("-", "").replace("_", "").isalnum():
            return tr("A model's name has letters, digits, - and _ only.")
        return ""

    def commands(self) -> list[list[str]]:
        """One training that becomes a model of the list, or a cross-validation."""
        data = [self.manifest] if self.manifest else ["--phantoms", str(self.phantoms)]
        said = [self.room, *data, *_options(self), "--output", self.output]
        if self.validates:
            return [["crossval", *said, "--folds", str(self.folds)]]
        name = ["--bundle", self.bundle] if self.bundle else []
        return [["train", *said, *name], ["bundle", "add", str(Path(self.output) / "bundle")]]


def as_text(commands: Sequence[Sequence[str]]) -> str:
    """For a terminal.

    >>> as_text(TrainingChoice("phase", phantoms=200, output="my run").commands()).splitlines()[0]
    "abdominal-oncology train phase --phantoms 200 --output 'my run'"
    """
    return "\n".join(shlex.join(["abdominal-oncology", *command]) for command in commands)


def _options(choice: TrainingChoice) -> list[str]:
    options = []
    for name, value in (("--network", choice.network), ("--loss", choice.loss)):
        options += [name, value] if value else []
    if choice.epochs:
        options += ["--epochs", str(choice.epochs)]
    if choice.device != "auto":
        options += ["--device", choice.device]
    return options
