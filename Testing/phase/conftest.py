"""Phantoms that several tests of this folder look at."""

from __future__ import annotations

import pytest

from abdominal_oncology.imaging.image import Image
from abdominal_oncology.phantom.ct_study import ct_study
from abdominal_oncology.phantom.result import Phantom


@pytest.fixture(scope="session")
def abdomen() -> Phantom:
    """One patient, arterial and venous: small, but enough to find organs in."""
    return ct_study(
        3,
        seconds={"arterial": 38.0, "venous": 78.0},
        matrix=160,
        spacing_mm=(10.0, 2.5, 2.5),
        noise_hu=8.0,
    )


@pytest.fixture(scope="session")
def venous(abdomen: Phantom) -> Image:
    return abdomen.images["venous"]
