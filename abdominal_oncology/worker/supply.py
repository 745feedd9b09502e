"""The client's side of the voxels: slices put where the worker can see them, and arrays of results taken over."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import AbdominalOncologyError, InvalidInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.worker.blocks import BlockFolder, BlockReader, BlockWriter, plain_array
from abdominal_oncology.worker.failures import ProtocolError
from abdominal_oncology.worker.jobs.request import JobResult
from abdominal_oncology.worker.protocol import Done, ErrorFacts, Here, Need, Part, Refused


class Supply:
    """The files that one worker process and its client share."""

    def __init__(self) -> None:
        self._folder = BlockFolder()
        self._slices = BlockWriter(self._folder.path, "slices")
        self._results = BlockReader(self._folder.path)

    @property
    def folder(self) -> str:
        return str(self._folder.path)

    def hand_over(self, need: Need, readers: Mapping[str, SliceReader]) -> Here | Refused:
        """The slices of a Need, or why they cannot be had: the job then fails with this very error."""
        try:
            if need.image not in readers:
                raise InvalidInputError(f"this job has no image {need.image!r}")
            voxels = plain_array(readers[need.image].read(need.slices))
            if len(voxels) != len(need.slices) or voxels.ndim != 3:
                raise InvalidInputError(
                    f"a reader gave voxels of shape {voxels.shape} for {len(need.slices)} slices", where=need.image
                )
            file = self._slices.put(need.slot, voxels)
        except AbdominalOncologyError as error:
            return Refused(need.request, ErrorFacts.of(error))
        count, rows, columns = voxels.shape
        return Here(need.request, file, voxels.dtype.str, (count, rows, columns))

    def view(self, part: Part) -> NDArray[Any]:
        return self._results.view(part.file, part.value_type, (part.count,))

    def close(self) -> None:
        self._slices.close()
        self._results.close()
        self._folder.close()


class Collected:
    """The arrays of one result, growing part by part."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}
        self._filled: dict[str, int] = {}

    def add(self, part: Part, values: NDArray[Any]) -> None:
        if part.start == 0:
            self._arrays[part.name] = np.empty(prod(part.shape), values.dtype)
            self._filled[part.name] = 0
        whole = self._arrays.get(part.name)
        if whole is None or part.start != self._filled[part.name] or part.start + len(values) > whole.size:
            raise ProtocolError(f"a part of {part.name} does not follow the one before")
        whole[part.start : part.start + len(values)] = values
        self._filled[part.name] += len(values)
        if self._filled[part.name] == whole.size:
            self._arrays[part.name] = whole.reshape(part.shape)

    def result(self, done: Done) -> JobResult:
        """Everything together; a finding or an image that cannot be is the fault of the message."""
        arrays = dict(self._arrays)
        try:
            images = {
                name: Image(arrays.pop(name), facts.geometry, facts.modality, facts.source, (), facts.warnings)
                for name, facts in done.images.items()
            }
            findings = tuple(Finding.from_dict(each) for each in done.findings)
        except KeyError as missing:
            raise ProtocolError(f"the voxels of {missing} did not come") from missing
        except AbdominalOncologyError as wrong:
            raise ProtocolError(f"the result cannot be read: {wrong}") from wrong
        return JobResult(findings, images, arrays, done.facts)
