"""Seconds and phases agree, and a study is one patient at several seconds."""

from __future__ import annotations

import numpy as np
import pytest

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.phantom import phase_of, phase_slices, phase_study, sample_seconds


@pytest.mark.parametrize("phase", Phase)
def test_a_sampled_second_is_of_its_phase(phase: Phase) -> None:
    rng = np.random.default_rng(0)
    drawn = [sample_seconds(phase, rng) for _ in range(500)]
    assert {phase_of(second) for second in drawn} == {phase}
    if phase is not Phase.NON_CONTRAST:
        assert len(set(drawn)) > 450


def test_seconds_before_the_injection_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="before the injection"):
        phase_of(-3.0)


def test_a_study_shows_one_patient_enhance() -> None:
    study = phase_study(3, extent="upper", matrix=128, spacing_mm=(8.0, 3.0, 3.0))
    assert set(study.images) == {"non-contrast", "arterial", "venous", "delayed"}
    median = {}
    for role, image in study.images.items():
        labels = study.labels[role].voxels
        aorta = next(number for number, name in study.label_names.items() if name == "aorta")
        median[role] = float(np.median(image.voxels[labels == aorta]))
        assert phase_of(study.truth["phases"][role]["seconds"]) == role
    assert median["arterial"] > median["venous"] > median["delayed"] > median["non-contrast"]


def test_training_slices_show_all_phases_evenly() -> None:
    batches = list(phase_slices(5, 120, size=64))
    seconds = np.concatenate([batch.seconds for batch in batches])
    assert sum(len(batch.hu) for batch in batches) == len(seconds) == 120
    assert all(batch.hu.shape[1:] == (64, 64) for batch in batches)
    counts = [sum(phase_of(None if np.isnan(s) else float(s)) == phase for s in seconds) for phase in Phase]
    assert min(counts) >= 12
