"""The training loop under what really happens: kill -9, a full disk, a loss that blows up, a user who stops it."""

from __future__ import annotations

import csv
import importlib.util
import math
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from abdominal_oncology.errors import Cancelled, InvalidInputError, TrainingStoppedError, UnreadableFileError
from abdominal_oncology.learning.checkpoint import load_checkpoint, save_checkpoint
from abdominal_oncology.learning.config import TrainConfig
from abdominal_oncology.learning.losses import SoftCrossEntropy
from abdominal_oncology.learning.optimise import learning_rate
from abdominal_oncology.learning.trainer import train

PROGRAM = Path(__file__).parent / "programs" / "small_training.py"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def _program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("small_training", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


small = _program()


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _curve(folder: Path, name: str) -> list[tuple[int, float]]:
    with (folder / "curves.csv").open(newline="") as file:
        return [(int(row["step"]), float(row["value"])) for row in csv.DictReader(file) if row["name"] == name]


def _state(folder: Path) -> dict[str, torch.Tensor]:
    state = load_checkpoint(folder / "last.pt")
    return {**state["model"], **{f"loss.{k}": v for k, v in state["loss"].items()}}


def _same_bits(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_learns_and_writes_what_it_did(tmp_path: Path) -> None:
    result = small.run(tmp_path / "run")
    assert result.reason == "finished"
    assert result.steps == 6 * math.ceil(len(small.Source().order(0)) / 2)
    assert result.best_value > 0.8
    losses = [value for _, value in _curve(tmp_path / "run", "loss")]
    assert len(losses) == result.steps
    assert np.mean(losses[-4:]) < 0.7 * np.mean(losses[:4])
    assert len(_curve(tmp_path / "run", "validation/accuracy")) == 3
    assert TrainConfig.from_yaml(tmp_path / "run" / "config.yaml") == small.CONFIG
    best = load_checkpoint(tmp_path / "run" / "best.pt")
    assert (best["step"], best["best_value"]) == (result.best_step, result.best_value)


def test_resuming_after_kill_9_gives_the_same_bits(tmp_path: Path) -> None:
    small.run(tmp_path / "whole")
    command = [sys.executable, str(PROGRAM), str(tmp_path / "killed"), "own"]
    process = subprocess.Popen([*command, "0.15"], env=ENVIRONMENT)
    deadline = time.monotonic() + 60
    while not (tmp_path / "killed" / "last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.4)  # into the next epoch, between two checkpoints
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    interrupted = load_checkpoint(tmp_path / "killed" / "last.pt")["step"]
    assert 0 < interrupted < 24
    subprocess.run([*command, "0"], env=ENVIRONMENT, check=True)
    assert _same_bits(_state(tmp_path / "whole"), _state(tmp_path / "killed"))
    for name in ("loss", "rate", "validation/accuracy"):
        assert _curve(tmp_path / "whole", name) == _curve(tmp_path / "killed", name)


def test_cancel_saves_the_step_and_resumes_to_the_same_bits(tmp_path: Path) -> None:
    small.run(tmp_path / "whole")
    source = small.Source()
    torch.manual_seed(7)
    loss = small.WeightedSum([(1.0, small.FocalLoss()), (0.003, small.CentreLoss(3, 8))])
    stages = []

    def stop_at_nine(fraction: float, stage: str) -> None:
        stages.append(stage)
        if len(stages) == 9:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        train(
            small.Network(0.3),
            loss,
            source,
            small.CONFIG,
            tmp_path / "run",
            validate=source.validate,
            progress=stop_at_nine,
        )
    assert load_checkpoint(tmp_path / "run" / "last.pt")["step"] == 9
    assert "left" in stages[-1]
    small.run(tmp_path / "run")
    assert _same_bits(_state(tmp_path / "whole"), _state(tmp_path / "run"))


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    small.run(tmp_path)
    before = (tmp_path / "last.pt").read_bytes()
    assert small.run(tmp_path).steps == 24
    assert (tmp_path / "last.pt").read_bytes() == before


def _plain(folder: Path, config: TrainConfig, source: object | None = None) -> None:
    torch.manual_seed(0)
    train(small.Network(0.0), SoftCrossEntropy(), source or small.Source(), config, folder)  # type: ignore[arg-type]


def test_a_loss_that_blows_up_keeps_the_last_good_state(tmp_path: Path) -> None:
    class Poisoned(small.Source):  # type: ignore[name-defined,misc]
        def load(self, indices: np.ndarray, epoch: int) -> object:
            batch = super().load(indices, epoch)
            return batch._replace(inputs=batch.inputs * math.nan) if epoch == 2 else batch

    config = TrainConfig(epochs=4, tensorboard=False)
    with pytest.raises(TrainingStoppedError, match="the loss became nan at step 16"):
        _plain(tmp_path, config, Poisoned())
    state = load_checkpoint(tmp_path / "last.pt")
    assert state["step"] == 16
    assert all(torch.isfinite(weight).all() for weight in state["model"].values())


def test_weights_that_blow_up_are_never_saved(tmp_path: Path) -> None:
    config = TrainConfig(iterations=3, optimizer="sgd", learning_rate=1e38, schedule="constant", tensorboard=False)
    with pytest.raises(TrainingStoppedError, match=r"no longer finite|became"):
        _plain(tmp_path, config)
    if (tmp_path / "last.pt").exists():
        assert all(torch.isfinite(w).all() for w in load_checkpoint(tmp_path / "last.pt")["model"].values())


def test_a_disk_that_takes_no_more_stops_with_a_reason_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    save_checkpoint({"step": 1}, tmp_path / "last.pt")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(TrainingStoppedError, match="could not be written"):
            save_checkpoint({"weights": torch.zeros(100_000)}, tmp_path / "last.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert load_checkpoint(tmp_path / "last.pt") == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_stops_early_when_nothing_gets_better(tmp_path: Path) -> None:
    config = replace(small.CONFIG, epochs=50, validate_every=1, patience=3, accumulate=1)
    scores = iter([0.5, 0.6, 0.6, 0.55, 0.6, 0.9])
    result = train(
        small.Network(0.0),
        SoftCrossEntropy(),
        small.Source(),
        config,
        tmp_path,
        validate=lambda model: {"accuracy": next(scores)},
    )
    assert result.reason == "no better for a while"
    assert (result.best_value, result.steps / 8, result.best_step / 8) == (0.6, 5, 2)


def test_accumulated_batches_equal_one_large_batch(tmp_path: Path) -> None:
    class Whole(small.Source):  # type: ignore[name-defined,misc]
        def order(self, epoch: int) -> list[np.ndarray]:
            batches = super().order(epoch)[:8]
            return [np.concatenate(batches[i : i + 2]) for i in range(0, 8, 2)]

    class Halves(small.Source):  # type: ignore[name-defined,misc]
        def order(self, epoch: int) -> list[np.ndarray]:
            return super().order(epoch)[:8]

    config = TrainConfig(epochs=3, optimizer="sgd", learning_rate=0.1, tensorboard=False)
    _plain(tmp_path / "whole", config, Whole())
    _plain(tmp_path / "halves", replace(config, accumulate=2), Halves())
    for one, two in zip(_state(tmp_path / "whole").values(), _state(tmp_path / "halves").values(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_mixed_precision_learns_as_well(tmp_path: Path) -> None:
    config = TrainConfig(epochs=4, learning_rate=0.01, precision="bf16", tensorboard=False)
    _plain(tmp_path / "bf16", config)
    _plain(tmp_path / "full", replace(config, precision="32"))
    last = [np.mean([v for _, v in _curve(tmp_path / name, "loss")][-8:]) for name in ("bf16", "full")]
    assert last[0] == pytest.approx(last[1], rel=0.1)


def test_tensorboard_reads_the_same_curve(tmp_path: Path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    _plain(tmp_path, TrainConfig(epochs=1))
    events = accumulator.EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    read = [(event.step, event.value) for event in events.Scalars("loss")]
    np.testing.assert_allclose(read, _curve(tmp_path, "loss"), rtol=1e-6)


def test_two_processes_give_the_curve_of_one(tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric", reason="lightning-fabric is not installed (extra [cluster])")
    one = [sys.executable, str(PROGRAM), str(tmp_path / "one"), "fabric", "0", "1"]
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**ENVIRONMENT, "MASTER_ADDR": "127.0.0.1"}
    subprocess.run(one, env=environment, check=True, capture_output=True, timeout=120)
    subprocess.run(
        [*two, str(PROGRAM), str(tmp_path / "two"), "fabric", "0", "2"],
        env=environment,
        check=True,
        capture_output=True,
        timeout=180,
    )
    single, double = (np.array(_curve(tmp_path / name, "loss")) for name in ("one", "two"))
    assert single.shape == double.shape == (24, 2)
    np.testing.assert_allclose(double[:, 1], single[:, 1], rtol=1e-4)


@pytest.mark.parametrize(("kind", "expected"), [("constant", 1.0), ("step", 0.01)])
def test_schedules(kind: str, expected: float) -> None:
    config = TrainConfig(epochs=25, learning_rate=1.0, schedule=kind)  # type: ignore[arg-type]
    assert learning_rate(config, 249, 10, 250) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "either epochs or iterations"),
        ({"epochs": 1, "iterations": 1}, "either"),
        ({"epochs": 1, "learnig_rate": 1}, "is not a setting"),
        ({"epochs": "two"}, "type int"),
        ({"epochs": True}, "type int"),
        ({"epochs": 1, "optimizer": "lion"}, "one of adam"),
        ({"epochs": 1, "learning_rate": 0}, "positive"),
        ({"epochs": 1, "learning_rate": "fast"}, "type float"),
        ({"epochs": 1, "warmup": 1}, "share"),
        ({"epochs": 1, "patience": -1}, "negative"),
    ],
)
def test_configurations_that_mean_nothing_are_refused(values: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        TrainConfig.from_mapping(values)


def test_yaml_numbers_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("epochs: 2\nlearning_rate: 1e-3\nweight_decay: 1\n")
    config = TrainConfig.from_yaml(tmp_path / "c.yaml")
    assert (config.learning_rate, config.weight_decay) == (0.001, 1.0)
    (tmp_path / "c.yaml").write_text("epochs: [")
    with pytest.raises(InvalidInputError, match="not YAML"):
        TrainConfig.from_yaml(tmp_path / "c.yaml")


def test_another_configuration_in_the_folder_is_refused(tmp_path: Path) -> None:
    config = TrainConfig(iterations=2, tensorboard=False)
    _plain(tmp_path, config)
    with pytest.raises(InvalidInputError, match="another configuration"):
        _plain(tmp_path, replace(config, iterations=3))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_a_checkpoint_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"last\.pt"):
        load_checkpoint(tmp_path / "last.pt")


def test_a_checkpoint_never_runs_code(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (marker,))  # type: ignore[return-value]

    torch.save({"model": Evil()}, tmp_path / "last.pt")
    with pytest.raises(UnreadableFileError):
        load_checkpoint(tmp_path / "last.pt")
    assert not marker.exists()


def test_an_unknown_best_metric_is_named(tmp_path: Path) -> None:
    config = TrainConfig(iterations=1, best_metric="charm", tensorboard=False)
    with pytest.raises(InvalidInputError, match="charm"):
        train(
            small.Network(0.0),
            SoftCrossEntropy(),
            small.Source(),
            config,
            tmp_path,
            validate=lambda model: {"auc": 1.0},
        )
