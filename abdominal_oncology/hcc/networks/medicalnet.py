"""Weights of a MedicalNet checkpoint (Med3D) for a 3-D ResNet: a file that the user has; nothing is ever downloaded."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from torch import Tensor, nn

from abdominal_oncology.errors import MissingInputError, UnreadableFileError

_PREFIX = "module."
_ITS_OWN_HEADS = ("conv_seg.", "fc.")
_NEW_HERE = "conv1.weight"
"""MedicalNet looked at one channel: the first convolution begins anew."""

_REMEDY = "give the checkpoint of the same depth and shortcut as MedicalNet publishes it (resnet_18 A, resnet_50 B)"


def load_medicalnet(backbone: nn.Module, path: Path) -> None:
    """Fill ``backbone`` in place, all but its first convolution; what does not fit is told by name and shape."""
    found = _read(path)
    wanted = {name: tensor for name, tensor in backbone.state_dict().items() if name != _NEW_HERE}
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = [name for name in wanted if name not in found and name not in counters]
    other = [name for name, tensor in wanted.items() if name in found and found[name].shape != tensor.shape]
    unknown = [name for name in found if name not in wanted and name != _NEW_HERE]
    if missing or other or unknown:
        problem = (
            f"{missing[0]} is missing"
            if missing
            else f"{other[0]} is {tuple(found[other[0]].shape)} and not {tuple(wanted[other[0]].shape)}"
            if other
            else f"{unknown[0]} is not known"
        )
        count = len(missing) + len(other) + len(unknown)
        raise UnreadableFileError(
            f"this checkpoint does not fit the network: {problem} ({count} such weights)", where=path, remedy=_REMEDY
        )
    backbone.load_state_dict({name: found[name] for name in wanted if name in found}, strict=False)


def _read(path: Path) -> dict[str, Tensor]:
    """Tensors by name without the prefix of a parallel training, and without MedicalNet's own heads."""
    if not path.is_file():
        raise MissingInputError(
            "there is no such checkpoint", where=path, remedy="name a MedicalNet file that you have, or train anew"
        )
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, BadZipFile, pickle.UnpicklingError) as error:
        raise UnreadableFileError("this checkpoint cannot be read as plain weights", where=path) from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not state or not all(isinstance(each, Tensor) for each in state.values()):
        raise UnreadableFileError("this file holds no weights by name", where=path, remedy=_REMEDY)
    plain = {str(name).removeprefix(_PREFIX): tensor for name, tensor in state.items()}
    return {name: tensor for name, tensor in plain.items() if not name.startswith(_ITS_OWN_HEADS)}
