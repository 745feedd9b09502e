"""One phantom that several tests of this folder look at."""

from __future__ import annotations

import numpy as np
import pytest

from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.rectal.phantom import rectal_phantom

_TUMOUR = 247


@pytest.fixture(scope="session")
def patient() -> Phantom:
    """A T3 tumour in oblique slices: small, but with everything in it."""
    return rectal_phantom(1, stage="T3", matrix=160, slices=14)


@pytest.fixture(scope="session")
def t2(patient: Phantom) -> Image:
    return patient.images["t2"]


@pytest.fixture(scope="session")
def tumour(patient: Phantom) -> Image:
    labels = patient.labels["t2"]
    return Image((labels.voxels == _TUMOUR).astype(np.uint8), labels.geometry, Modality.MASK)


@pytest.fixture(scope="session")
def rectum(patient: Phantom) -> Image:
    labels = patient.labels["rectum"]
    return Image((labels.voxels != 0).astype(np.uint8), labels.geometry, Modality.MASK)
