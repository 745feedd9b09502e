"""Other ways from a DICOM folder to a phase: a plain slice-by-slice script, and the networks that papers compare with.

The networks read through our reader and are prepared by our resizing, which spares them time that their own code needs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.imaging.dicom import DicomReader
from abdominal_oncology.imaging.resize import resize_slices, resize_weights
from abdominal_oncology.phase.labels import SAMPLING_VIEW
from abdominal_oncology.phase.prepare import SlicePreparation, prepare_slices
from abdominal_oncology.phase.sampling import uniform_slices

if TYPE_CHECKING:
    from torch import nn

    from abdominal_oncology.learning.predictor import Predictor

_WINDOW_HU = (50.0, 400.0)


def per_slice(folder: Path, predictor: Predictor, order: NDArray[np.intp]) -> Callable[[], int]:
    """As most scripts go: sort by header, then read, transform and classify one slice after the other."""
    network = predictor.model.network().eval()
    size = predictor.model.facts.input_shape[-1]

    def classify() -> int:
        import torch
        from pydicom import dcmread

        try:
            from monai import transforms
        except ImportError as missing:
            raise MissingDependencyError("monai is not installed", remedy="pip install monai") from missing
        low, high = _WINDOW_HU[0] - _WINDOW_HU[1] / 2, _WINDOW_HU[0] + _WINDOW_HU[1] / 2
        prepare = transforms.Compose(
            [transforms.ScaleIntensityRange(low, high, 0, 1, clip=True), transforms.Resize((size, size), mode="area")]
        )
        headers = [(dcmread(path, stop_before_pixels=True), path) for path in folder.iterdir()]
        paths = [path for _, path in sorted(headers, key=lambda pair: float(pair[0].ImagePositionPatient[2]))]
        votes = []
        for k in order:
            data = dcmread(paths[k])
            try:
                stored = data.pixel_array
            except RuntimeError as error:  # pydicom's way to say that no plugin decodes this
                raise MissingDependencyError("pydicom has no plugin for this compression here") from error
            hu = stored.astype(np.float32) * float(data.RescaleSlope) + float(data.RescaleIntercept)
            with torch.inference_mode():
                votes.append(int(network(prepare(hu[None]).as_tensor()[None])[0].argmax()))
        return int(np.bincount(votes).argmax())

    return classify


def volume_network(folder: Path, name: str, slices: int | None = None) -> Callable[[], int]:
    """All slices, or ``slices`` of the middle half, resized to the network's input."""
    network, shape = _built(name)
    depth, size = shape[1], shape[2]

    def classify() -> int:
        import torch

        reader = DicomReader.from_folder(folder)
        count = reader.geometry.shape[0]
        middle = (count // 4, count - count // 4)
        chosen = range(count) if slices is None else [int(k) for k in uniform_slices(count, slices, middle)]
        planes = resize_slices(reader.read(list(chosen)), size, window_hu=_WINDOW_HU)
        along = resize_weights(len(planes), depth, "area" if len(planes) > depth else "bilinear")
        volume = (along @ planes.reshape(len(planes), -1)).reshape(1, 1, depth, size, size)
        with torch.inference_mode():
            inputs = torch.from_numpy(volume).contiguous(memory_format=torch.channels_last_3d)
            return int(network(inputs)[0].argmax())

    return classify


def cd_gan(folder: Path, order: NDArray[np.intp]) -> Callable[[], int]:
    """The phase head of CD-GAN on the same slices, in batches."""
    network, shape = _built("cd-gan")
    preparation = SlicePreparation(size=shape[-1], crop="none")

    def classify() -> int:
        import torch

        inputs = prepare_slices(DicomReader.from_folder(folder).read([int(k) for k in order]), preparation)
        with torch.inference_mode():
            batches = torch.split(torch.from_numpy(inputs).float().div(255), 16)
            votes = [network(batch.contiguous(memory_format=torch.channels_last))[0].argmax(dim=1) for batch in batches]
        return int(np.bincount(torch.cat(votes).numpy()).argmax())

    return classify


def _built(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """A network with random weights in its faster memory format, and its input's shape."""
    import torch

    from abdominal_oncology.learning.networks import find_network
    from abdominal_oncology.tasks import load_task

    load_task("phase")  # registers the networks
    entry: Any = find_network("phase", name)
    torch.manual_seed(0)
    network = entry.build(len(SAMPLING_VIEW.classes)).eval()
    layout = torch.channels_last if len(entry.input_shape) == 3 else torch.channels_last_3d
    return network.to(memory_format=layout), tuple(entry.input_shape)
