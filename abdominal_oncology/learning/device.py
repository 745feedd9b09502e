"""Which device to compute on, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch

from abdominal_oncology.errors import InvalidInputError

Request = Literal["auto", "cuda", "mps", "cpu"]


@dataclass(frozen=True)
class DeviceChoice:
    """A device and a sentence that says why it was taken."""

    device: torch.device
    reason: str


def choose_device(request: Request | str = "auto") -> DeviceChoice:
    """CUDA before MPS before CPU for ``auto``; a device asked for by name must be there.

    >>> choose_device("cpu").reason
    'the CPU was asked for'
    """
    if request == "cpu":
        return DeviceChoice(torch.device("cpu"), "the CPU was asked for")
    if request not in get_args(Request):
        raise InvalidInputError(f"no device is called {request!r}", remedy=f"use {', '.join(get_args(Request))}")
    if request in ("auto", "cuda") and torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        free_gib = torch.cuda.mem_get_info()[0] / 2**30
        return DeviceChoice(torch.device("cuda"), f"{name} with {free_gib:.0f} GiB free")
    if request in ("auto", "mps") and torch.backends.mps.is_available():
        return DeviceChoice(torch.device("mps"), "Apple GPU")
    if request == "auto":
        return DeviceChoice(torch.device("cpu"), f"no GPU that torch {torch.__version__} can use was found")
    raise InvalidInputError(
        f"{request} was asked for, but torch {torch.__version__} finds no such device",
        remedy="use auto or cpu, or install the build of torch for this device",
    )
