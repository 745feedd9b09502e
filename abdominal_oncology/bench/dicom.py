"""DICOM: 30 % of the slices of a 300-slice 512×512 series, packed in five ways; and its headers.

Goals are the best figures found on two processors when the reader was planned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.bench.measure import Contender, Timing, compare
from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.imaging.dicom import DicomReader, TransferSyntax, scan_folder, write_series
from abdominal_oncology.imaging.dicom.facts import HEADER_FACTS
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.progress import Progress, part

_SLICES, _SIZE, _DIFFERENT = 300, 512, 30
_GOALS_SECONDS = {
    TransferSyntax.RAW: 0.04,
    TransferSyntax.RLE: 0.13,
    TransferSyntax.JPEG_LS: 0.36,
    TransferSyntax.JPEG_LOSSLESS: 0.27,
    TransferSyntax.JPEG_2000: 1.7,
}
_HEADERS = "300 DICOM headers"


def run(only: str, progress: Progress) -> list[Timing]:
    """Every task whose name contains ``only``; each makes its series in a temporary folder."""
    wanted = [syntax for syntax in _GOALS_SECONDS if only.lower() in _task(syntax).lower()]
    headers = only.lower() in _HEADERS.lower()
    timings: list[Timing] = []
    share = 1 / max(1, len(wanted) + headers)
    if headers:
        with TemporaryDirectory() as folder:
            paths = _series(Path(folder), TransferSyntax.RAW)
            timings += compare(_HEADERS, _header_readers(Path(folder), paths), part(progress, 0.0, share))
    for number, syntax in enumerate(wanted):
        step = part(progress, (number + headers) * share, (number + headers + 1) * share)
        step(0.0, f"writing a series as {syntax.name}")
        with TemporaryDirectory() as folder:
            try:
                paths = _series(Path(folder), syntax)
            except MissingDependencyError as missing:
                note = f"skipped: {missing.problem}"
                timings.append(
                    Timing(_task(syntax), "ours", True, None, None, None, None, _GOALS_SECONDS[syntax], note)
                )
                continue
            timings += compare(_task(syntax), _slice_readers(paths, syntax), step)
    progress(1.0, "done")
    return timings


def _task(syntax: TransferSyntax) -> str:
    return f"30 % of 300 slices, {syntax.name.lower().replace('_', ' ')}"


def _series(folder: Path, syntax: TransferSyntax) -> list[Path]:
    """300 files; every tenth picture is coded anew, the others take its bytes."""
    voxels = abdomen_like(_DIFFERENT)
    copies = _SLICES // _DIFFERENT
    image = Image(voxels, Geometry(voxels.shape, (float(copies), 0.7, 0.7)), Modality.CT)  # type: ignore[arg-type]
    return write_thin_series(image, copies, folder / "series", syntax)


def write_thin_series(image: Image, copies: int, folder: Path, syntax: TransferSyntax) -> list[Path]:
    """Each slice of ``image`` as ``copies`` thinner ones that share its picture, which is coded once. In order."""
    from pydicom import dcmread
    from pydicom.uid import UID

    step = np.asarray(image.geometry.directions)[0] * image.geometry.spacing_mm[0] / copies
    paths: list[Path] = []
    with TemporaryDirectory(prefix="bench-") as coded:
        folder.mkdir(parents=True)
        for path in sorted(write_series(image, Path(coded) / "thick", transfer_syntax=syntax).iterdir()):
            data = dcmread(path)
            position = np.array([float(each) for each in data.ImagePositionPatient])
            data.SliceThickness = round(float(np.linalg.norm(step)), 4)
            for copy in range(copies):
                data.InstanceNumber = len(paths) + 1
                data.ImagePositionPatient = [round(float(each), 6) for each in position + copy * step]
                data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.{1000 + len(paths)}")
                paths.append(folder / f"IM{len(paths) + 1:05d}.dcm")
                data.save_as(paths[-1])
    return paths


def abdomen_like(count: int, size: int = _SIZE) -> NDArray[np.int16]:
    """Air, an ellipse of soft tissue with soft structure, scanner noise: compresses as a CT slice does."""
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(0)
    j, i = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    body = (i / 0.85) ** 2 + (j / 0.65) ** 2 < 1
    slices = np.empty((count, size, size), np.int16)
    for n in range(count):
        structure = gaussian_filter(random.standard_normal((size, size)), 6) * 600
        noise = gaussian_filter(random.standard_normal((size, size)), 0.7) * 25
        slices[n] = np.clip(np.rint(np.where(body, 50 + structure, -1000) + noise), -1024, 3071)
    return slices


def _slice_readers(paths: Sequence[Path], syntax: TransferSyntax) -> list[Contender]:
    reader = DicomReader.from_files(paths)
    chosen = np.linspace(0, _SLICES - 1, round(0.3 * _SLICES)).astype(int).tolist()
    files = [str(paths[k]) for k in chosen]
    slow = 1 if syntax is TransferSyntax.RLE else 2
    return [
        Contender("ours", lambda: reader.read(chosen), ours=True, repeats=7, goal_seconds=_GOALS_SECONDS[syntax]),
        Contender("pydicom, one by one", _pydicom(files), repeats=3),
        Contender("SimpleITK", _simpleitk(files), repeats=slow),
    ]


def _header_readers(folder: Path, paths: Sequence[Path]) -> list[Contender]:
    from pydicom import dcmread

    def same_facts() -> list[list[Any]]:
        headers = (dcmread(path, stop_before_pixels=True) for path in paths)
        return [[header.get(keyword) for keyword in HEADER_FACTS] for header in headers]

    return [
        Contender("ours, scan into volumes", lambda: [s.volumes for s in scan_folder(folder).series], ours=True),
        Contender("pydicom, the same facts", same_facts),
    ]


def _pydicom(files: Sequence[str]) -> Callable[[], Any]:
    from pydicom import dcmread

    def read() -> NDArray[np.float32]:
        slices = []
        for file in files:
            data = dcmread(file)
            try:
                pixels = data.pixel_array
            except RuntimeError as error:  # pydicom's way to say that no plugin decodes this
                raise MissingDependencyError("pydicom has no plugin for this compression here") from error
            slices.append(pixels.astype(np.float32) * float(data.RescaleSlope) + float(data.RescaleIntercept))
        return np.stack(slices)

    return read


def _simpleitk(files: Sequence[str]) -> Callable[[], Any]:
    import SimpleITK

    def read() -> Any:
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(files)
        return SimpleITK.GetArrayFromImage(reader.Execute())

    return read
