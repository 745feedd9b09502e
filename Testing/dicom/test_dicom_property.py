"""A marked voxel stays at its place in the patient: image → scrambled files → image, for any oblique grid."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abdominal_oncology.imaging.dicom import DicomReader, write_series
from abdominal_oncology.imaging.dicom.spacing import plan_spacing
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import read_image

_AXIS = st.floats(0.3, 7.0, allow_nan=False)
_PLACE = st.floats(-900.0, 900.0, allow_nan=False)


def _rotation(seed: int) -> np.ndarray:
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(2, 5), st.integers(2, 7), st.integers(2, 7)),
    spacing_mm=st.tuples(_AXIS, _AXIS, _AXIS),
    origin_mm=st.tuples(_PLACE, _PLACE, _PLACE),
    marked=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999), st.floats(0, 0.999)),
    modality=st.sampled_from(["CT", "MR"]),
)
def test_a_marked_voxel_stays_where_it_is(seed, shape, spacing_mm, origin_mm, marked, modality) -> None:
    directions = tuple(tuple(row) for row in _rotation(seed))
    geometry = Geometry(shape, spacing_mm, origin_mm, directions)
    voxels = np.zeros(shape, np.int16)
    index = tuple(int(f * n) for f, n in zip(marked, shape, strict=True))
    voxels[index] = 1234
    with tempfile.TemporaryDirectory() as folder:
        written = write_series(Image(voxels, geometry, modality), Path(folder) / "s", seed=seed, file_names="scrambled")
        read = read_image(DicomReader.from_folder(written))
    assert read.warnings == ()
    assert read.voxels.sum() == 1234
    found = np.argwhere(read.voxels == 1234)[0]
    assert np.allclose(read.geometry.to_world(found), geometry.to_world(index), atol=1e-4)
    apart = np.linalg.norm(read.geometry.corners_mm()[:, None] - geometry.corners_mm()[None], axis=-1)
    assert apart.min(axis=1).max() < 1e-4
    assert np.allclose(read.geometry.centre_mm, geometry.centre_mm, atol=1e-4)


@given(
    steps=st.lists(st.floats(0.5, 1.4), min_size=2, max_size=30),
    start=st.floats(-500, 500),
)
def test_a_linear_ramp_survives_any_plan_of_even_slices(steps: list[float], start: float) -> None:
    places = start + np.concatenate(([0.0], np.cumsum(steps)))
    plan = plan_spacing(places.tolist())
    assert plan.state in ("even", "missing", "uneven")
    upper = np.minimum(plan.lower + 1, len(places) - 1)
    made = places[plan.lower] * (1 - plan.fraction) + places[upper] * plan.fraction
    wanted = places[0] + plan.spacing_mm * np.arange(len(plan.lower))
    assert np.abs(made - wanted).max() <= (0.13 if plan.state == "even" else 1e-6 + 0.06 * (plan.state == "missing"))
    assert ((plan.fraction >= 0) & (plan.fraction < 1)).all()
    assert (np.diff(plan.lower) >= 0).all()
