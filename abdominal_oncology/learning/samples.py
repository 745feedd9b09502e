"""Samples: what a network takes, prepared once per case and kept in one file, so that training never decodes twice.

A store is a folder: ``inputs.raw`` (all samples, one after the other), ``store.json`` (cases, labels, preparation).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import AbdominalOncologyError, Cancelled, InvalidInputError, UnreadableFileError
from abdominal_oncology.files import replacing, write_atomically
from abdominal_oncology.learning.finding import FindingWarning

FORMAT = 1


@dataclass(frozen=True)
class Samples:
    """The inputs (n, C, [D,] H, W) that one case gives. uint8 means 0 … 1 in steps of 1/255; floats are as they are.

    ``positions`` are the slices along k that they came from, where a sample is a slice. ``context`` is what the room
    that prepared them needs again to decide (regions, measurements); it is never stored.
    """

    inputs: NDArray[Any]
    positions: tuple[int, ...] = ()
    warnings: tuple[FindingWarning, ...] = ()
    context: object = None

    def __post_init__(self) -> None:
        if self.inputs.ndim not in (4, 5) or not self.inputs.size:
            raise InvalidInputError(f"samples are (n, C, H, W) or (n, C, D, H, W), not {self.inputs.shape}")
        if self.positions and len(self.positions) != len(self.inputs):
            raise InvalidInputError(f"{len(self.positions)} positions for {len(self.inputs)} samples")
        if self.inputs.dtype != np.uint8 and not np.isfinite(self.inputs).all():
            raise InvalidInputError(
                "prepared values are not finite (NaN or infinity)", remedy="look at the image: it holds no real numbers"
            )


@dataclass(frozen=True)
class Labelled:
    """One case of a training: its samples, or the reason why it has none. ``rows`` are soft labels (n, K), if given.

    Further columns are what a recipe asks for ``also``: 0 or 1, NaN where it is not known.
    """

    case: str
    patient: str
    label: str
    samples: Samples | AbdominalOncologyError
    split: str = ""
    rows: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class StoredCase:
    """Whose samples ``start`` … ``stop`` of a store are."""

    case: str
    patient: str
    label: str
    split: str
    start: int
    stop: int


@dataclass(frozen=True)
class SampleStore:
    """Samples of many cases on disk, mapped into memory. Made by :func:`build_store`, opened by :func:`open_store`."""

    folder: Path
    classes: tuple[str, ...]
    cases: tuple[StoredCase, ...]
    shape: tuple[int, ...]
    dtype: str
    preparation: Mapping[str, Any] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    has_rows: bool = False

    def __len__(self) -> int:
        return self.cases[-1].stop

    @cached_property
    def inputs(self) -> NDArray[Any]:
        """(N, C, …), read-only."""
        return np.memmap(self.folder / "inputs.raw", np.dtype(self.dtype), "r", shape=(len(self), *self.shape))

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(N,) class indices."""
        of = {name: index for index, name in enumerate(self.classes)}
        return np.repeat([of[case.label] for case in self.cases], [case.stop - case.start for case in self.cases])

    @cached_property
    def rows(self) -> NDArray[np.float32]:
        """(N, K) label rows: the soft ones where the store has them (wider, where more was asked), else one-hot."""
        if self.has_rows:
            return np.load(self.folder / "rows.npy")  # type: ignore[no-any-return]
        return np.eye(len(self.classes), dtype=np.float32)[self.labels]

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """(N,) which case each sample belongs to."""
        return np.repeat(np.arange(len(self.cases)), [case.stop - case.start for case in self.cases])

    def of_cases(self, picked: Iterable[int]) -> NDArray[np.intp]:
        """The samples of these cases, in the order of the store."""
        ranges = [np.arange(self.cases[index].start, self.cases[index].stop) for index in sorted(picked)]
        return np.concatenate(ranges) if ranges else np.empty(0, dtype=np.intp)

    def on_side(self, *splits: str) -> list[int]:
        """Indices of the cases of these sides of the split."""
        return [index for index, case in enumerate(self.cases) if case.split in splits]


def build_store(
    folder: Path, cases: Iterable[Labelled], classes: Sequence[str], preparation: Mapping[str, Any]
) -> SampleStore:
    """Prepare every case into ``folder``.

    Cases that cannot be used are kept by name with their reason in ``failed``; the others go on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[StoredCase] = []
    failed: dict[str, str] = {}
    rows: list[NDArray[np.float32]] = []
    shape: tuple[int, ...] | None = None
    dtype = ""
    count = 0
    with replacing(folder / "inputs.raw") as path, path.open("wb") as file:
        for case in cases:
            if isinstance(case.samples, AbdominalOncologyError):
                failed[case.case] = str(case.samples)
                continue
            if case.label not in classes:
                failed[case.case] = f"label {case.label!r} is not one of {', '.join(classes)}"
                continue
            inputs = np.ascontiguousarray(case.samples.inputs)
            shape, dtype = shape or inputs.shape[1:], dtype or str(inputs.dtype)
            if inputs.shape[1:] != shape or str(inputs.dtype) != dtype:
                failed[case.case] = f"prepared as {inputs.shape[1:]} {inputs.dtype}, others as {shape} {dtype}"
                continue
            file.write(inputs.data)
            kept.append(StoredCase(case.case, case.patient, case.label, case.split, count, count + len(inputs)))
            count += len(inputs)
            if case.rows is not None:
                rows.append(case.rows)
    if not kept or shape is None:
        first = next(iter(failed.items()), ("", "there are no cases"))
        raise InvalidInputError(
            f"none of {len(failed)} cases could be prepared; the first, {first[0]}: {first[1]}", where=folder
        )
    soft = bool(rows)
    if soft:
        stacked = np.concatenate(rows).astype(np.float32)
        if stacked.ndim != 2 or len(stacked) != count or stacked.shape[1] < len(classes):
            raise InvalidInputError(f"soft labels are {stacked.shape}, expected {(count, len(classes))} or wider")
        with replacing(folder / "rows.npy") as path:
            np.save(path, stacked)
    facts = {
        "format": FORMAT,
        "classes": list(classes),
        "shape": list(shape),
        "dtype": dtype,
        "preparation": dict(preparation),
        "failed": failed,
        "has_rows": soft,
        "cases": [asdict(case) for case in kept],
    }
    write_atomically(folder / "store.json", json.dumps(facts, indent=1, ensure_ascii=False).encode())
    return open_store(folder)


def open_store(folder: Path) -> SampleStore:
    try:
        facts = json.loads((folder / "store.json").read_text(encoding="utf-8"))
        store = SampleStore(
            folder,
            tuple(facts["classes"]),
            tuple(StoredCase(**case) for case in facts["cases"]),
            tuple(facts["shape"]),
            facts["dtype"],
            facts["preparation"],
            facts["failed"],
            facts["has_rows"],
        )
        size = (folder / "inputs.raw").stat().st_size
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableFileError(
            f"these prepared samples cannot be read: {error}", where=folder, remedy="delete the folder and prepare anew"
        ) from error
    if size != len(store) * int(np.prod(store.shape)) * np.dtype(store.dtype).itemsize:
        raise UnreadableFileError("the prepared samples are cut off", where=folder, remedy="delete the folder")
    return store


def fingerprint(*parts: Any) -> str:
    """A short name for everything that a preparation depends on.

    >>> fingerprint({"b": 1, "a": 2}) == fingerprint({"a": 2, "b": 1})
    True
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def attempt(case: str, patient: str, label: str, split: str, prepare: Callable[[], Samples]) -> Labelled:
    """Prepare one case; its own trouble stays its own."""
    try:
        return Labelled(case, patient, label, prepare(), split)
    except Cancelled:
        raise
    except AbdominalOncologyError as error:
        return Labelled(case, patient, label, error, split)
