"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# deadline: a loaded machine is no bug; derandomize: continuous integration must not fail on another draw
settings.register_profile("house", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("house")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real scans kept beside the checkout, never in it. A test that needs them is skipped where they are absent."""
    folder = Path(os.environ.get("ABDOMINAL_ONCOLOGY_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "MANIFEST.tsv").is_file():
        pytest.skip("the real scans are not beside this checkout (set ABDOMINAL_ONCOLOGY_DATA to their folder)")
    return folder
