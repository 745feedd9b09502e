"""The predictor gives the same answers however its samples come, and says what it had to do to give them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prediction_doubles import SHAPE, Greedy, MemoryModel, Overflowing, Small, facts

from abdominal_oncology.errors import Cancelled, InvalidInputError, PredictionFailedError
from abdominal_oncology.learning import predictor as predictor_module
from abdominal_oncology.learning.calibration import apply_temperature
from abdominal_oncology.learning.device import DeviceChoice
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.unfamiliar import distances, fit_unfamiliar

SAMPLES = np.random.default_rng(0).random((23, *SHAPE), dtype=np.float32)


def torch_predictor(model: MemoryModel | None = None, **options: object) -> Predictor:
    return Predictor(model or MemoryModel(), "cpu", "torch", **options)  # type: ignore[arg-type]


def test_the_answers_are_the_network_s_own() -> None:
    model = MemoryModel(facts(temperature=2.5))
    with torch.no_grad():
        logits, features = model.network().eval()(torch.from_numpy(SAMPLES))
    answers = torch_predictor(model).run(SAMPLES)
    np.testing.assert_allclose(answers.logits, logits.numpy(), atol=1e-5)
    np.testing.assert_allclose(answers.features, features.numpy(), atol=1e-5)
    np.testing.assert_allclose(answers.probabilities, apply_temperature(logits.double().numpy(), 2.5), atol=1e-6)
    assert answers.probabilities.dtype == answers.logits.dtype == answers.features.dtype == np.float32
    assert answers.unfamiliar is None
    assert answers.notes == ()


def test_golden_numbers() -> None:
    """Made once with torch; they change when the way a sample goes into the network does."""
    ramp = (np.arange(144).reshape(1, *SHAPE) * 255 // 143).astype(np.uint8)
    answers = torch_predictor().run(ramp)
    np.testing.assert_allclose(answers.probabilities[0], GOLDEN, atol=1e-5)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 30))
def test_cutting_and_joining_changes_nothing(sizes: list[int], batch: int) -> None:
    whole = torch_predictor().run(SAMPLES)
    cuts = [each for each in np.cumsum(sizes) if each < len(SAMPLES)]
    in_pieces = torch_predictor(batch=batch).run(iter(np.split(SAMPLES, cuts)))
    np.testing.assert_allclose(in_pieces.logits, whole.logits, atol=1e-5)
    np.testing.assert_allclose(in_pieces.features, whole.features, atol=1e-5)


def test_order_is_kept_and_pieces_may_differ_in_type() -> None:
    predictor = torch_predictor(batch=4)
    order = np.random.default_rng(1).permutation(len(SAMPLES))
    np.testing.assert_allclose(predictor.run(SAMPLES[order]).logits, predictor.run(SAMPLES).logits[order], atol=1e-5)
    bytes_first = [(SAMPLES[:3] * 255).round().astype(np.uint8), SAMPLES[3:]]
    np.testing.assert_allclose(predictor.run(bytes_first).logits[3:], predictor.run(SAMPLES).logits[3:], atol=1e-5)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_bytes_mean_0_to_1(engine: str, tmp_path: Path) -> None:
    if engine == "onnx":
        pytest.importorskip("onnxruntime")
    predictor = Predictor(MemoryModel(), "cpu", engine, cache=tmp_path)  # type: ignore[arg-type]
    in_bytes = np.random.default_rng(2).integers(0, 256, (5, *SHAPE), dtype=np.uint8)
    expected = predictor.run(in_bytes.astype(np.float32) / 255)
    np.testing.assert_allclose(predictor.run(in_bytes).logits, expected.logits, atol=1e-5)
    half = predictor.run((in_bytes / 255).astype(np.float16))
    np.testing.assert_allclose(half.probabilities, expected.probabilities, atol=5e-3)
    np.testing.assert_allclose(predictor.run(in_bytes / 255.0).logits, expected.logits, atol=1e-5)


def test_samples_may_be_read_only_or_views() -> None:
    frozen = SAMPLES[::-2]
    frozen.flags.writeable = False
    np.testing.assert_allclose(
        torch_predictor().run(frozen).logits, torch_predictor().run(SAMPLES).logits[::-2], atol=1e-5
    )
    assert SAMPLES.flags.writeable


def test_volumes_and_single_outputs_work() -> None:
    shape = (2, 4, 6, 6)
    volumes = np.random.default_rng(3).random((3, *shape), dtype=np.float32)
    model = MemoryModel(facts(input_shape=shape))
    with torch.no_grad():
        expected = model.network().eval()(torch.from_numpy(volumes)).logits.numpy()
    np.testing.assert_allclose(torch_predictor(model).run(volumes).logits, expected, atol=1e-5)
    one = MemoryModel(facts(classes=("no", "yes")), build=lambda: Small(SHAPE, 1))
    answers = torch_predictor(one).run(SAMPLES)
    assert answers.logits.shape == (len(SAMPLES), 2)
    np.testing.assert_allclose(answers.probabilities[:, 1], 1 / (1 + np.exp(-answers.logits[:, 1])), atol=1e-6)


def test_unfamiliar_samples_are_far() -> None:
    features = torch_predictor().run(SAMPLES).features
    statistics = fit_unfamiliar(features, np.arange(len(features)))
    answers = torch_predictor(MemoryModel(facts(unfamiliar=statistics))).run(np.concatenate([SAMPLES, SAMPLES[:1] * 9]))
    assert answers.unfamiliar is not None
    np.testing.assert_allclose(answers.unfamiliar, distances(answers.features, statistics), rtol=1e-6)
    assert answers.unfamiliar[-1] > 2 > np.median(answers.unfamiliar[:-1])


MEMORY_ERRORS: list[Callable[[], Exception]] = [
    lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    lambda: RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
    MemoryError,
    lambda: RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
]


@pytest.mark.parametrize("error", MEMORY_ERRORS)
def test_too_little_memory_halves_the_batch_and_says_so(error: Callable[[], Exception]) -> None:
    predictor = torch_predictor(MemoryModel(build=lambda: Greedy(error, most=3)), batch=16)
    answers = predictor.run(SAMPLES)
    np.testing.assert_allclose(answers.logits, torch_predictor().run(SAMPLES).logits, atol=1e-5)
    assert predictor.batch_size == 2
    assert answers.notes[0] == "memory of cpu ran out with 16 samples at once; went on with 8"
    assert len(answers.notes) == 3
    assert predictor.run(SAMPLES[:5]).notes == answers.notes  # still true of what answers later


def test_a_single_sample_that_does_not_fit_is_an_error() -> None:
    predictor = torch_predictor(MemoryModel(build=lambda: Greedy(MemoryError, most=0)))
    with pytest.raises(PredictionFailedError, match="too small for a single sample"):
        predictor.run(SAMPLES)


def test_a_gpu_without_room_hands_over_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta device plays the GPU: it computes nothing, and this network never gets that far on it."""
    expected = torch_predictor().run(SAMPLES)
    meta = DeviceChoice(torch.device("meta"), "a GPU in a play")
    monkeypatch.setattr(predictor_module, "choose_device", lambda request: meta)
    full = MemoryModel(build=lambda: Greedy(lambda: torch.OutOfMemoryError("out of memory"), most=99, never="meta"))
    predictor = Predictor(full, batch=4)
    assert predictor.device.type == "meta"
    answers = predictor.run(SAMPLES)
    np.testing.assert_allclose(answers.logits, expected.logits, atol=1e-5)
    assert predictor.device.type == "cpu"
    assert answers.notes[-1] == "memory of meta ran out with a single sample; went on with the CPU"
    provenance = predictor.provenance()
    assert (provenance.device, provenance.device_reason) == ("cpu", "the memory of meta is too small for one sample")
    assert predictor.batch_size == 4
    predictor.release()
    assert predictor.device.type == "meta"  # the GPU gets another chance


def test_other_errors_of_a_network_are_not_hidden() -> None:
    predictor = torch_predictor(MemoryModel(build=lambda: Greedy(lambda: RuntimeError("a shape is wrong"), most=0)))
    with pytest.raises(RuntimeError, match="a shape is wrong"):
        predictor.run(SAMPLES)


@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        (np.zeros((2, 3, 12, 12), np.float32), r"3 × 12 × 12, and this model takes 1 × 12 × 12"),
        (np.zeros((2, 1, 12, 13), np.float32), r"1 × 12 × 13"),
        (np.zeros((1, 12, 12), np.float32), r"12 × 12, and"),
        (np.zeros((), np.float32), "no arrays"),
        (np.zeros((2, *SHAPE), np.int16), "int16"),
        (np.zeros((2, *SHAPE), np.complex64), "complex64"),
        (np.zeros((0, *SHAPE), np.float32), "no samples"),
    ],
)
def test_wrong_samples_are_named(samples: np.ndarray, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        torch_predictor().run(samples)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_named_by_its_place(value: float) -> None:
    broken = SAMPLES.copy()
    broken[17, 0, 3, 3] = value
    with pytest.raises(InvalidInputError, match="sample 17 holds values that are no numbers"):
        torch_predictor(batch=5).run(broken[i : i + 3] for i in range(0, 23, 3))


def test_answers_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(PredictionFailedError, match="no number"):
        torch_predictor(MemoryModel(build=lambda: Overflowing(-1))).run(SAMPLES)


def test_half_precision_that_overflows_goes_on_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """bfloat16 on the CPU plays the GPU's half precision; what overflows is a network that dislikes it."""

    class Touchy(Small):
        def forward(self, inputs: torch.Tensor):  # type: ignore[no-untyped-def]
            logits, features = super().forward(inputs)
            return (logits * torch.nan if torch.is_autocast_enabled("cpu") else logits), features

    predictor = torch_predictor(MemoryModel(build=Touchy), precision="bf16", batch=5)
    answers = predictor.run(SAMPLES)
    np.testing.assert_allclose(answers.logits, torch_predictor().run(SAMPLES).logits, atol=1e-5)
    assert answers.notes == ("half precision overflowed; went on with float32",)
    assert "bfloat16" not in predictor.provenance().engine


def test_a_network_that_does_not_fit_its_facts_is_refused() -> None:
    with pytest.raises(PredictionFailedError, match=r"logits \(16, 4\).*3 classes"):
        torch_predictor(MemoryModel(build=lambda: Small(SHAPE, 4)), batch=16).run(SAMPLES)
    with pytest.raises(InvalidInputError, match="not logits and features"):
        torch_predictor(MemoryModel(build=lambda: torch.nn.Flatten())).run(SAMPLES)
    statistics = fit_unfamiliar(np.random.default_rng(0).random((9, 4)), np.arange(9))
    with pytest.raises(PredictionFailedError, match="5 features, and the statistics are of 4"):
        torch_predictor(MemoryModel(facts(unfamiliar=statistics))).run(SAMPLES)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_that_is_not_there_is_an_error(device: str) -> None:
    if torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available():
        pytest.skip(f"{device} is there")
    with pytest.raises(InvalidInputError, match="finds no such device"):
        Predictor(MemoryModel(), device)


def test_wrong_settings_are_named() -> None:
    with pytest.raises(InvalidInputError, match="at least one sample"):
        torch_predictor(batch=0)
    with pytest.raises(InvalidInputError, match="float16 needs a GPU"):
        torch_predictor(precision="16").run(SAMPLES)


def test_cancelling_stops_between_batches_and_the_next_run_is_whole() -> None:
    predictor = torch_predictor(batch=4)
    expected = predictor.run(SAMPLES)
    seen: list[str] = []

    def stop(fraction: float, stage: str) -> None:
        seen.append(stage)
        if stage.startswith("8 of"):
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        predictor.run(SAMPLES, stop)
    assert seen[-1] == "8 of 23 samples"
    np.testing.assert_array_equal(predictor.run(SAMPLES).logits, expected.logits)


def test_progress_runs_from_loading_to_the_end() -> None:
    seen: list[tuple[float, str]] = []
    predictor = torch_predictor(batch=10)
    predictor.run(SAMPLES, lambda fraction, stage: seen.append((fraction, stage)))
    assert seen[0] == (0.0, "loading the model")
    assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)
    assert seen[-1] == (1.0, "23 of 23 samples")
    seen.clear()
    predictor.run((SAMPLES[i : i + 1] for i in range(5)), lambda fraction, stage: seen.append((fraction, stage)), 5)
    assert seen == [(1.0, "5 of 5 samples")]


def test_the_model_stays_loaded_until_released() -> None:
    model = MemoryModel()
    predictor = torch_predictor(model)
    assert not predictor.is_loaded
    assert model.made == 0
    predictor.warm_up()
    assert predictor.is_loaded
    for _ in range(3):
        predictor.run(SAMPLES)
    assert model.made == 1
    predictor.release()
    assert not predictor.is_loaded
    predictor.run(SAMPLES)
    assert model.made == 2


def test_provenance_says_who_answered() -> None:
    predictor = torch_predictor(MemoryModel(sha256="ab" * 32))
    predictor.warm_up()
    said = predictor.provenance(ct="scans/1")
    assert (said.bundle, said.bundle_version, said.weights_sha256, said.trained_on) == (
        "small",
        "1.0",
        "f" * 64,
        "phantoms",
    )
    assert (said.device, said.device_reason) == ("cpu", "the CPU was asked for")
    assert said.engine == f"torch {torch.__version__} (asked for)"
    assert said.inputs == {"ct": "scans/1"}
    assert said.settings == {"model_sha256": "ab" * 32}


def test_memory_does_not_grow_over_200_cases() -> None:
    predictor = torch_predictor()
    case = np.random.default_rng(4).random((64, *SHAPE), dtype=np.float32)
    process = psutil.Process()
    for _ in range(50):
        predictor.run(case)
    gc.collect()
    before = process.memory_info().rss
    for _ in range(200):
        predictor.run(case)
    gc.collect()
    assert (
        process.memory_info().rss - before < 200 * case.nbytes / 4
    )  # keeping the inputs alone would be four times that


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_agrees_with_the_cpu_and_keeps_no_memory() -> None:
    gpu = Predictor(MemoryModel(), "cuda", batch=5)
    expected = torch_predictor().run(SAMPLES)
    np.testing.assert_allclose(gpu.run(SAMPLES).probabilities, expected.probabilities, atol=2e-2)
    exact = Predictor(MemoryModel(), "cuda", precision="32", batch=5).run(SAMPLES)
    np.testing.assert_allclose(exact.probabilities, expected.probabilities, atol=1e-3)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    for _ in range(200):
        gpu.run(SAMPLES)
    assert torch.cuda.memory_allocated() == before
    gpu.release()
    assert torch.cuda.memory_allocated() < before


GOLDEN = (1.030112e-03, 9.981968e-01, 7.730541e-04)
