"""What was loaded stays loaded for those who ask again, and goes when it is told to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from prediction_doubles import SHAPE, MemoryModel

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning import predictor as predictor_module
from abdominal_oncology.learning.device import DeviceChoice
from abdominal_oncology.learning.predictor_pool import PredictorPool

SAMPLES = np.zeros((2, *SHAPE), np.float32)


def test_the_same_question_gets_the_same_warm_predictor() -> None:
    model = MemoryModel(sha256="a" * 64)
    with PredictorPool() as pool:
        first = pool.get(model, "cpu", "torch")
        first.run(SAMPLES)
        again = pool.get(MemoryModel(sha256="a" * 64), "cpu", "torch")
        assert again is first
        assert again.is_loaded
        assert model.made == 1
        assert pool.get(MemoryModel(sha256="b" * 64), "cpu", "torch") is not first
        assert pool.get(model, "cpu", "auto") is not first
    assert len(pool) == 0
    assert not first.is_loaded


def test_the_one_used_longest_ago_goes_first() -> None:
    pool = PredictorPool(keep=2)
    models = [MemoryModel(sha256=str(number) * 64) for number in range(3)]
    predictors = [pool.get(model, "cpu", "torch") for model in models[:2]]
    for predictor in predictors:
        predictor.warm_up()
    pool.get(models[0], "cpu", "torch")
    pool.get(models[2], "cpu", "torch")
    assert len(pool) == 2
    assert predictors[0].is_loaded
    assert not predictors[1].is_loaded
    assert pool.get(models[0], "cpu", "torch") is predictors[0]


def test_idle_gpus_give_their_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta device plays the GPU; warming up on it loads the network before its answer cannot be fetched."""
    pool = PredictorPool()
    on_cpu = pool.get(MemoryModel(), "cpu", "torch")
    on_cpu.warm_up()
    meta = DeviceChoice(torch.device("meta"), "a GPU in a play")
    monkeypatch.setattr(predictor_module, "choose_device", lambda request: meta)
    on_gpu = pool.get(MemoryModel())
    with pytest.raises(NotImplementedError, match="meta"):
        on_gpu.warm_up()
    assert on_gpu.is_loaded
    pool.release_gpu()
    assert not on_gpu.is_loaded
    assert on_cpu.is_loaded
    assert len(pool) == 2


def test_an_empty_pool_makes_no_sense() -> None:
    with pytest.raises(InvalidInputError, match="at least one"):
        PredictorPool(keep=0)
