"""Fixtures of the de-identification tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydicom.dataset import Dataset


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write datasets below ``in/`` under telling names; gives that folder."""

    def write(datasets: Sequence[Dataset], folder: str = "Mustermann_Erika_19620411") -> Path:
        home = tmp_path / "in" / folder
        home.mkdir(parents=True, exist_ok=True)
        for number, dataset in enumerate(datasets):
            dataset.save_as(home / f"PAT7734921_{len(list(home.iterdir()))}_{number}.dcm", enforce_file_format=True)
        return tmp_path / "in"

    return write
