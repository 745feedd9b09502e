"""A device is chosen with its reason, and one that is not there is never quietly replaced."""

from __future__ import annotations

import pytest
import torch

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.device import choose_device


def test_auto_takes_the_best_that_is_there() -> None:
    choice = choose_device()
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choice.device.type == best
    assert choice.reason
    assert torch.ones(2, device=choice.device).sum().item() == 2


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_absent_is_an_error(name: str) -> None:
    there = torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()
    if there:
        pytest.skip(f"{name} is there")
    with pytest.raises(InvalidInputError, match="finds no such device"):
        choose_device(name)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'tpu'"):
        choose_device("tpu")
