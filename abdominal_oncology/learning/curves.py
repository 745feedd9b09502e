"""The curves of a run: one CSV row per measurement, and the same as TensorBoard events."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from abdominal_oncology.errors import MissingDependencyError

_COLUMNS = ("step", "epoch", "name", "value")


class Curves:
    """Appends to ``curves.csv`` (long form: step, epoch, name, value) and, if wanted, writes events beside it.

    Opened at the step a run goes on from; later rows, of steps that will come again, are dropped.
    """

    def __init__(self, folder: Path, first_step: int, tensorboard: bool) -> None:
        self._path = folder / "curves.csv"
        kept = [row for row in read_curves(folder) if int(row["step"]) < first_step]
        with self._path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _COLUMNS)
            writer.writeheader()
            writer.writerows(kept)
        self._file = self._path.open("a", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._events = _events(folder, first_step) if tensorboard else None

    def add(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.writerow([step, epoch, name, repr(float(value))])
            if self._events is not None:
                self._events.add_scalar(name, value, step)
        self._file.flush()

    def __enter__(self) -> Curves:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._events is not None:
            self._events.close()


def read_curves(folder: Path) -> list[dict[str, str]]:
    """The rows of ``curves.csv``; a last line cut off by a crash is left out."""
    path = folder / "curves.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if all(row.get(column) for column in _COLUMNS)]


def _events(folder: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as missing:
        raise MissingDependencyError(
            "TensorBoard events need the package tensorboard", remedy="install it, or set tensorboard: false"
        ) from missing
    return SummaryWriter(str(folder / "events"), purge_step=first_step)  # type: ignore[no-untyped-call]
