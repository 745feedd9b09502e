"""Samples on disk and the batches made of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_task import SIDES, labelled, toy_recipe

from abdominal_oncology.errors import InvalidInputError, UnreadableFileError, WrongModalityError
from abdominal_oncology.learning.fit import recipe_augmentation
from abdominal_oncology.learning.samples import Labelled, Samples, attempt, build_store, open_store
from abdominal_oncology.learning.store_source import StoreSource


def test_a_store_gives_back_what_was_put_in(tmp_path: Path) -> None:
    cases = list(labelled(6))
    store = build_store(tmp_path, iter(cases), SIDES, {"size": 8})
    for index, case in enumerate(cases):
        assert isinstance(case.samples, Samples)
        np.testing.assert_array_equal(store.inputs[store.of_cases([index])], case.samples.inputs)
    assert store.labels.tolist() == [0] * 3 + [1] * 3 + [0] * 3 + [1] * 3 + [0] * 3 + [1] * 3
    assert store.rows.sum(axis=1).tolist() == [1.0] * 18
    assert open_store(tmp_path).cases == store.cases
    assert store.preparation == {"size": 8}


def test_soft_rows_travel_with_their_samples(tmp_path: Path) -> None:
    rows = np.array([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]], np.float32)
    cases = [replace(case, rows=rows * (1, 1) if n % 2 == 0 else rows[:, ::-1]) for n, case in enumerate(labelled(4))]
    store = build_store(tmp_path, iter(cases), SIDES, {})
    np.testing.assert_array_equal(store.rows[3:6], rows[:, ::-1])


def test_one_bad_case_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    def broken() -> Samples:
        raise WrongModalityError("this is MR", where="b.nii")

    good = list(labelled(4))
    odd_shape = Labelled("big", "p", "left", Samples(np.zeros((1, 1, 9, 9), np.uint8)))
    stranger = Labelled("strange", "p", "above", Samples(np.zeros((1, 1, 8, 8), np.uint8)))
    cases = [good[0], attempt("bad", "p", "left", "train", broken), odd_shape, stranger, *good[1:]]
    store = build_store(tmp_path, iter(cases), SIDES, {})
    assert [case.case for case in store.cases] == [case.case for case in good]
    assert set(store.failed) == {"bad", "big", "strange"}
    assert "this is MR" in store.failed["bad"]
    assert "above" in store.failed["strange"]


def test_a_store_of_nothing_says_why(tmp_path: Path) -> None:
    stranger = Labelled("strange", "p", "above", Samples(np.zeros((1, 1, 8, 8), np.uint8)))
    with pytest.raises(InvalidInputError, match=r"strange.*above"):
        build_store(tmp_path, iter([stranger]), SIDES, {})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    inputs = np.zeros((2, 1, 8, 8), np.float32)
    inputs[1, 0, 3, 3] = value
    with pytest.raises(InvalidInputError, match="not finite"):
        Samples(inputs)


def test_a_cut_off_store_is_refused(tmp_path: Path) -> None:
    build_store(tmp_path, labelled(4), SIDES, {})
    raw = (tmp_path / "inputs.raw").read_bytes()
    (tmp_path / "inputs.raw").write_bytes(raw[:-1])
    with pytest.raises(UnreadableFileError, match="cut off"):
        open_store(tmp_path)
    (tmp_path / "store.json").write_text("{")
    with pytest.raises(UnreadableFileError):
        open_store(tmp_path)


@pytest.mark.parametrize("sampler", ["shuffled", "oversampled", "balanced", "p-by-k"])
def test_batches_depend_on_epoch_and_seed_alone(tmp_path: Path, sampler: str) -> None:
    store = build_store(tmp_path, labelled(12), SIDES, {})
    recipe = replace(toy_recipe(), sampler=sampler)  # type: ignore[arg-type]
    picked = store.of_cases(range(10))
    one, two = StoreSource(store, picked, recipe), StoreSource(store, picked, recipe)
    two.order(7)
    for epoch in (0, 1):
        for first, second in zip(one.order(epoch), two.order(epoch), strict=True):
            a, b = one.load(first, epoch), two.load(second.copy(), epoch)
            torch.testing.assert_close(a.inputs, b.inputs, rtol=0, atol=0)
            assert a.target.tolist() == b.target.tolist()
            assert a.inputs.dtype == torch.float32
            assert float(a.inputs.max()) <= 1


def test_loading_ahead_never_gives_the_wrong_batch(tmp_path: Path) -> None:
    store = build_store(tmp_path, labelled(20), SIDES, {})
    source = StoreSource(store, store.of_cases(range(20)), toy_recipe())
    order = list(source.order(0))
    for place in (0, 1, 5, 2, 2, 0):  # out of order: what was made ahead is thrown away
        batch = source.load(order[place], 0)
        expected = torch.from_numpy(store.inputs[order[place][:, 0]]).float() / 255
        torch.testing.assert_close(batch.inputs, expected)


def test_augmentation_sees_the_sample_and_the_epoch(tmp_path: Path) -> None:
    store = build_store(tmp_path, labelled(8), SIDES, {})
    seen: list[tuple[list[list[int]], int]] = []

    def augment(batch: torch.Tensor, showings: np.ndarray, epoch: int) -> torch.Tensor:
        seen.append((showings.tolist(), epoch))
        return batch + 1

    picked = store.of_cases([2, 3])
    source = StoreSource(store, picked, replace(toy_recipe(), batch=6), augment=augment)
    batch = source.load(source.order(3)[0], 3)
    assert float(batch.inputs.min()) >= 1
    assert sorted(seen[0][0]) == [[sample, 0] for sample in picked.tolist()]
    assert seen[0][1] == 3


@pytest.mark.parametrize("sampler", ["oversampled", "balanced", "p-by-k"])
def test_a_sample_shown_again_in_an_epoch_is_told_from_its_first_showing(tmp_path: Path, sampler: str) -> None:
    cases = [case for case in labelled(24) if case.label == "left" or case.case == "case-1"]  # 36 to 3: many repeats
    store = build_store(tmp_path, iter(cases), SIDES, {})
    seen: list[tuple[int, ...]] = []

    def augment(batch: torch.Tensor, showings: np.ndarray, epoch: int) -> torch.Tensor:
        seen.extend(tuple(each) for each in showings.tolist())
        return batch

    recipe = replace(toy_recipe(), sampler=sampler)  # type: ignore[arg-type]
    source = StoreSource(store, store.of_cases(range(len(cases))), recipe, augment=augment)
    for batch in source.order(1):
        source.load(batch, 1)
    assert len(seen) == len(set(seen)) == sum(len(batch) for batch in source.order(1))
    by_sample = {sample: sorted(n for which, n in seen if which == sample) for sample, _ in seen}
    assert max(len(shown) for shown in by_sample.values()) > 3
    # an oversampled epoch drops what fills no batch, so the last showing of a sample may be missing, never one between
    assert all(shown == list(range(len(shown))) for shown in by_sample.values())


def test_two_showings_of_a_sample_are_augmented_differently_and_the_same_again_after_a_resume(tmp_path: Path) -> None:
    store = build_store(tmp_path, labelled(8), SIDES, {})
    augment = recipe_augmentation(replace(toy_recipe(), augmentation="hcc"))
    picked = store.of_cases([0])
    one, two = (StoreSource(store, picked, toy_recipe(), augment=augment) for _ in range(2))
    twice = np.array([[1, 0], [1, 1], [1, 0]])
    first = one.load(twice, 2).inputs
    assert torch.equal(first[0], first[2])
    assert not torch.equal(first[0], first[1])
    two.load(np.array([[0, 0]]), 2)
    torch.testing.assert_close(two.load(twice[1:], 2).inputs, first[1:], rtol=0, atol=0)
