"""DicomReader: any slices of one DICOM volume, decoded in parallel and only when asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from abdominal_oncology.errors import InconsistentSeriesError
from abdominal_oncology.imaging.dicom.choose import choose_stack
from abdominal_oncology.imaging.dicom.fetch import stored_frames
from abdominal_oncology.imaging.dicom.headers import read_header, read_header_from_memory
from abdominal_oncology.imaging.dicom.resample import mix, shift_in_plane
from abdominal_oncology.imaging.dicom.scan import arrange, scan_folder
from abdominal_oncology.imaging.dicom.split import Plane
from abdominal_oncology.imaging.dicom.stack import Stack
from abdominal_oncology.imaging.dicom.values import AIR_HU, is_whole, to_real
from abdominal_oncology.imaging.dicom.workers import processor_count
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import ImageWarning, Modality, Source
from abdominal_oncology.imaging.reader import slice_indices
from abdominal_oncology.progress import Progress, part, silent

_FRAMES_PER_TASK = 8
_TIMES = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime")


class DicomReader:
    """A volume of a DICOM series as a SliceReader.

    Make one with :meth:`from_folder`, :meth:`from_files` or :meth:`from_memory`, or from a Stack of a scan. ``read``
    gives HU for CT and rescaled values for MR: int16 as long as that is exact, else float32. Slices are sorted along
    row direction × column direction of the pictures. ``source.header`` holds the facts of the first slice; times are
    the earliest of all slices.
    """

    def __init__(self, stack: Stack, *, warnings: tuple[ImageWarning, ...] = (), workers: int | None = None) -> None:
        self._stack = stack
        self._warnings = (*stack.warnings, *warnings)
        self._workers = processor_count() if workers is None else max(1, workers)
        self._source = _source(stack)

    @classmethod
    def from_folder(
        cls,
        folder: str | PathLike[str],
        *,
        series_uid: str = "",
        volume: int | None = None,
        progress: Progress = silent,
        workers: int | None = None,
    ) -> DicomReader:
        """The one volume below ``folder``. Where there are several, say which: by ``series_uid`` or by ``volume``,
        its number in the list that the error shows."""
        scan = scan_folder(folder, progress=progress)
        stack, warnings = choose_stack(scan, str(folder), series_uid=series_uid, volume=volume)
        return cls(stack, warnings=warnings, workers=workers)

    @classmethod
    def from_files(
        cls,
        files: Iterable[str | PathLike[str]],
        *,
        volume: int | None = None,
        progress: Progress = silent,
        workers: int | None = None,
    ) -> DicomReader:
        """The one volume in these files; a file that is not DICOM is an error here."""
        paths = list(files)
        headers = []
        for number, path in enumerate(paths):
            progress(number / len(paths), "reading headers")
            headers.append(read_header(path))
        stack, warnings = choose_stack(arrange(headers), f"{len(paths)} files", volume=volume)
        return cls(stack, warnings=warnings, workers=workers)

    @classmethod
    def from_memory(
        cls, items: Iterable[bytes | Dataset], *, volume: int | None = None, workers: int | None = None
    ) -> DicomReader:
        """The one volume in these data sets or whole files held as bytes."""
        headers = [read_header_from_memory(item, f"item {number}") for number, item in enumerate(items)]
        stack, warnings = choose_stack(arrange(headers), "memory", volume=volume)
        return cls(stack, warnings=warnings, workers=workers)

    @property
    def geometry(self) -> Geometry:
        return self._stack.geometry

    @property
    def modality(self) -> Modality:
        if any(warning.code == "not-hounsfield" for warning in self._warnings):
            return Modality.OTHER
        return Modality(self._stack.modality)

    @property
    def source(self) -> Source:
        return self._source

    @property
    def warnings(self) -> tuple[ImageWarning, ...]:
        return self._warnings

    @property
    def stack(self) -> Stack:
        """The files behind this volume and how its slices are made from them."""
        return self._stack

    def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
        """Voxels (n, j, i) of the slices asked for; see :class:`SliceReader`."""
        wanted = slice_indices(slices, self.geometry.shape[0])
        if self._stack.is_resampled:
            return self._read_resampled(wanted, progress)
        needed, back = np.unique(self._stack.lower[wanted], return_inverse=True)
        straight = bool(np.array_equal(needed[back], needed)) and len(needed) == len(wanted)
        planes = self._read_planes(needed, progress)
        return planes if straight else planes[back]

    def _read_resampled(self, wanted: NDArray[np.intp], progress: Progress) -> NDArray[Any]:
        stack = self._stack
        mixed = stack.fraction[wanted] > 0
        needed = np.unique(np.concatenate((stack.lower[wanted], stack.lower[wanted][mixed] + 1)))
        planes = self._read_planes(needed, part(progress, 0.0, 0.8))
        place = {int(number): n for n, number in enumerate(needed)}
        shape = self.geometry.shape[1:]
        fill = float(AIR_HU) if stack.modality == "CT" else 0.0

        def moved(number: int) -> NDArray[Any]:
            plane: NDArray[Any] = planes[place[number]]
            if stack.shifts is None:
                return plane
            return shift_in_plane(plane, (float(stack.shifts[number, 0]), float(stack.shifts[number, 1])), shape, fill)

        result = np.empty((len(wanted), *shape), planes.dtype)
        for n, k in enumerate(wanted):
            progress(0.8 + 0.2 * n / len(wanted), "resampling slices")
            number, fraction = int(stack.lower[k]), float(stack.fraction[k])
            values = moved(number) if fraction == 0 else mix(moved(number), moved(number + 1), fraction)
            result[n] = np.rint(values) if planes.dtype.kind == "i" else values
        return result

    def _read_planes(self, numbers: NDArray[np.intp], progress: Progress) -> NDArray[Any]:
        """The planes ``numbers`` (sorted, unique) as they are in the files, rescaled."""
        layout = self._stack.planes[0].header.pixels
        assert layout is not None
        whole = all(is_whole(self._stack.planes[n].frame) for n in numbers)
        planes = np.empty((len(numbers), layout.rows, layout.columns), np.int16 if whole else np.float32)
        wide: dict[int, NDArray[Any]] = {}  # planes that turned out not to fit 16 bits

        def decode(task: list[int]) -> None:
            for place, real in zip(task, self._decode([int(numbers[place]) for place in task]), strict=True):
                if real.dtype == np.int16 or not whole:
                    planes[place] = real
                else:
                    wide[place] = real

        tasks = self._tasks(numbers)
        pool = ThreadPoolExecutor(min(self._workers, len(tasks)) or 1)
        try:
            for done, _ in enumerate(pool.map(decode, tasks)):
                progress((done + 1) / len(tasks), "reading slices")
        finally:
            pool.shutdown(cancel_futures=True)
        if wide:
            planes = planes.astype(np.float32)
            for place, real in wide.items():
                planes[place] = real
        return planes

    def _tasks(self, numbers: NDArray[np.intp]) -> list[list[int]]:
        """Places in the output that come from one file, in pieces small enough to share among threads."""
        by_file: dict[int, list[int]] = defaultdict(list)
        for place, number in enumerate(numbers):
            by_file[id(self._stack.planes[int(number)].header)].append(place)
        return [
            places[start : start + _FRAMES_PER_TASK]
            for places in by_file.values()
            for start in range(0, len(places), _FRAMES_PER_TASK)
        ]

    def _decode(self, numbers: list[int]) -> Iterable[NDArray[Any]]:
        planes = [self._stack.planes[number] for number in numbers]
        stored = stored_frames(planes[0].header, [plane.frame.index for plane in planes])
        for plane, values in zip(planes, stored, strict=True):
            real = self._real(plane, values)
            for twin in plane.twins:
                (other,) = stored_frames(twin.header, [twin.frame.index])
                if not np.array_equal(real, self._real(twin, other)):
                    raise InconsistentSeriesError(
                        f"two different pictures claim the same place, {plane.along_mm:.2f} mm along the stack: "
                        f"{plane.header.path} and",
                        where=twin.header.path,
                        remedy="remove the one that does not belong to this series",
                    )
            yield real

    def _real(self, plane: Plane, stored: NDArray[Any]) -> NDArray[Any]:
        layout = plane.header.pixels
        assert layout is not None
        return to_real(stored, layout, plane.frame, is_ct=plane.header.modality == "CT")


def _source(stack: Stack) -> Source:
    first = stack.planes[0]
    facts = dict(first.header.facts) | {
        key: _listed(value) for key, value in first.frame.keys.items() if key != "StackID"
    }
    for unwanted in ("SpecificCharacterSet", "PatientName"):  # who it is has no place in results
        facts.pop(unwanted, None)
    for key in _TIMES:
        times = [str(time) for plane in stack.planes if (time := plane.frame.keys.get(key))]
        if times:
            facts[key] = min(times)
    uids = tuple(stack.planes[int(number)].header.instance_uid for number in stack.lower)
    header = first.header
    source = Source(
        path=stack.where,
        patient_id=header.patient_id,
        study_uid=header.study_uid,
        series_uid=header.series_uid,
        frame_of_reference_uid=header.frame_of_reference_uid,
        header=facts,
    )
    return source if (stack.fraction > 0).any() else replace(source, instance_uids=uids)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
