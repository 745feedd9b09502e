"""Weights as safetensors: written small, read without running any code, and checked against their network."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from torch import Tensor, nn

from abdominal_oncology.errors import InvalidInputError, MissingDependencyError, UnreadableFileError

_SHOWN = 3


def state_to_write(network: nn.Module, half: bool) -> dict[str, Tensor]:
    """The network's state on the CPU, each tensor by itself; refused where a number is not finite.

    ``half`` rounds kernels and matrices to float16. Rows of one dimension (biases, normalisation) stay float32: they
    weigh nothing, and a small running variance would lose its digits. So does a tensor that float16 cannot hold.
    """
    state = {}
    for name, tensor in network.state_dict().items():
        value = tensor.detach().to("cpu", copy=True).contiguous()
        if value.is_floating_point():
            if not bool(torch.isfinite(value).all()):
                raise InvalidInputError(
                    f"the weights {name!r} are not all finite", remedy="train again; see the run's curves"
                )
            value = value.float()
            rounded = value.half()
            if half and value.ndim > 1 and bool(torch.isfinite(rounded).all()):
                value = rounded
        state[name] = value
    return state


def write_weights(state: Mapping[str, Tensor], path: Path) -> None:
    _safetensors().save_file(dict(state), path, metadata={"format": "pt"})


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name, floats as float32; from safetensors, or a ``.pt`` of tensors and plain values only."""
    state = _read_pt(path) if path.suffix == ".pt" else _read_safetensors(path)
    for name, tensor in state.items():
        if tensor.is_floating_point():
            state[name] = tensor.float()
            if not bool(torch.isfinite(tensor).all()):
                raise UnreadableFileError(f"the weights {name!r} are not all finite", where=path)
    return state


def fit_weights(network: nn.Module, state: Mapping[str, Tensor], where: Path) -> None:
    """Load the state into the network; what does not fit is told by name and shape."""
    wanted = network.state_dict()
    problems = [
        f"{name} has shape {_shape(state[name])} and the network wants {_shape(tensor)}"
        for name, tensor in wanted.items()
        if name in state and state[name].shape != tensor.shape
    ]
    problems += [f"{name} {_shape(tensor)} is missing" for name, tensor in wanted.items() if name not in state]
    problems += [f"{name} {_shape(tensor)} is not known" for name, tensor in state.items() if name not in wanted]
    if problems:
        more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise UnreadableFileError(
            f"the weights do not fit the network: {'; '.join(problems[:_SHOWN])}{more}",
            where=where,
            remedy="use the version of AbdominalOncology that this bundle was made with, or a newer bundle",
        )
    network.load_state_dict(dict(state))


def _shape(tensor: Tensor) -> str:
    return " × ".join(str(size) for size in tensor.shape) or "()"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    load_file = _safetensors().load_file
    from safetensors import SafetensorError

    try:
        state: dict[str, Tensor] = load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise UnreadableFileError(f"these weights cannot be read: {error}", where=path) from error
    return state


def _read_pt(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, BadZipFile, pickle.UnpicklingError) as error:
        raise UnreadableFileError("these weights cannot be read", where=path) from error
    if not isinstance(state, dict) or not all(isinstance(each, Tensor) for each in state.values()):
        raise UnreadableFileError("this file holds no weights by name", where=path)
    return dict(state)


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError as missing:
        raise MissingDependencyError("bundles need safetensors", remedy="install safetensors") from missing
    return safetensors.torch
