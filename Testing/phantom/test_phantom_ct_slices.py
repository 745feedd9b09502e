"""Training slices: repeatable, at their second, from anatomies that are used again."""

from __future__ import annotations

import numpy as np
import pytest

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.phantom.ct_slices import Tint, training_slices
from abdominal_oncology.phantom.physiology import Population


def sometimes(rng: np.random.Generator) -> float | None:
    return None if rng.random() < 0.3 else float(rng.uniform(20, 300))


def test_batches_hold_what_was_asked_for() -> None:
    batches = list(training_slices(5, 14, seconds=sometimes, size=64, per_anatomy=9, levels=4))
    assert [len(batch.hu) for batch in batches] == [9, 5]
    assert batches[0].patient != batches[1].patient
    for batch in batches:
        assert batch.hu.shape[1:] == batch.labels.shape[1:] == (64, 64)
        assert batch.hu.dtype == np.int16
        assert len(batch.seconds) == len(batch.level_mm) == len(batch.pixel_mm) == len(batch.hu)
        assert np.isin(batch.level_mm, np.unique(batch.level_mm)).all()
    seconds = np.concatenate([batch.seconds for batch in batches])
    assert 0 < np.isnan(seconds).sum() < len(seconds)


def test_the_same_seed_gives_the_same_slices() -> None:
    first, again, other = (next(training_slices(seed, 4, seconds=sometimes, size=48, levels=2)) for seed in (1, 1, 2))
    assert (first.hu == again.hu).all()
    np.testing.assert_array_equal(first.seconds, again.seconds)
    assert (first.hu != other.hu).mean() > 0.2


def test_slices_are_as_bright_as_their_second() -> None:
    def aorta(when: float | None) -> float:
        batch = next(training_slices(3, 24, seconds=lambda rng: when, size=96, levels=6, extent="upper"))
        inside = batch.labels == find("aorta").number
        assert inside.sum() > 100
        return float(np.median(batch.hu[inside]))

    plain, arterial, venous, late = (aorta(when) for when in (None, 35.0, 75.0, 400.0))
    assert plain < 70 < late < venous + 10 < arterial
    assert arterial > 180


def test_each_patient_at_a_second_of_their_own() -> None:
    people = Population.sample(5, np.random.default_rng(0))
    times = np.array([20.0, 38.0, 60.0, 75.0, 300.0])
    for name in ("aorta", "liver", "renal_cortex", "ureters", "renal_veins", "subcutaneous_fat"):
        np.testing.assert_allclose(people.hu_each(name, times), np.diag(people.hu(name, times)))
    with pytest.raises(InvalidInputError, match="5 patients need"):
        people.hu_each("aorta", times[:2])


def test_a_tint_can_be_calculated_with() -> None:
    assert Tint("bone") * 2.0 + 10.0 == Tint("bone", 2.0, 10.0)
    assert (Tint("bone") + 10.0) * 2.0 == Tint("bone", 2.0, 20.0)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"size": 3}, {"per_anatomy": 0}, {"levels": 0}, {"extent": "toe"}])
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    settings: dict[str, object] = {"n": 2, "seconds": sometimes, "size": 32, "levels": 1} | wrong
    with pytest.raises(InvalidInputError):
        next(training_slices(1, **settings))  # type: ignore[arg-type]
