"""ONNX Runtime answers as torch does, is taken where it can be had, and its absence is said."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from prediction_doubles import SHAPE, MemoryModel, Small, facts

from abdominal_oncology.errors import InvalidInputError, MissingDependencyError, UnreadableFileError
from abdominal_oncology.learning import runtime_choice
from abdominal_oncology.learning.bundle import to_onnx
from abdominal_oncology.learning.bundle.to_onnx import export_onnx
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.runtime_onnx import OnnxRuntime

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

SAMPLES = np.random.default_rng(0).random((11, *SHAPE), dtype=np.float32)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    export_onnx(MemoryModel().network(), SHAPE, path)
    return path


@pytest.mark.parametrize("batch", [1, 4, 16])
def test_engines_agree(exported: Path, batch: int) -> None:
    ours = Predictor(MemoryModel(onnx_path=exported), "cpu", batch=batch)
    theirs = Predictor(MemoryModel(), "cpu", "torch")
    answers, expected = ours.run(SAMPLES), theirs.run(SAMPLES)
    assert ours.provenance().engine.startswith("ONNX Runtime")
    assert ours.provenance().engine.endswith("(the bundle has an ONNX file)")
    np.testing.assert_allclose(answers.probabilities, expected.probabilities, atol=1e-4)
    np.testing.assert_allclose(answers.features, expected.features, atol=1e-4)


def test_volumes_agree_too(tmp_path: Path) -> None:
    shape = (1, 4, 6, 6)
    model = MemoryModel(facts(input_shape=shape))
    volumes = np.random.default_rng(1).random((3, *shape), dtype=np.float32)
    answers = Predictor(model, "cpu", "onnx", cache=tmp_path).run(volumes)
    expected = Predictor(model, "cpu", "torch").run(volumes)
    np.testing.assert_allclose(answers.probabilities, expected.probabilities, atol=1e-4)


def test_left_to_choose_volumes_are_answered_by_torch_without_an_export(tmp_path: Path) -> None:
    shape = (1, 4, 6, 6)
    predictor = Predictor(MemoryModel(facts(input_shape=shape)), "cpu", cache=tmp_path / "cache")
    predictor.run(np.zeros((1, *shape), np.float32))
    assert predictor.provenance().engine.startswith("torch")
    assert not (tmp_path / "cache").exists()


def test_a_bundle_without_the_file_gets_one_in_the_cache_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def counting(network: torch.nn.Module, shape: tuple[int, ...], path: Path) -> None:
        calls.append(path)
        export_onnx(network, shape, path)

    monkeypatch.setattr(runtime_choice, "export_onnx", counting)
    for _ in range(2):
        predictor = Predictor(MemoryModel(sha256="c" * 64), "cpu", cache=tmp_path / "cache")
        predictor.run(SAMPLES)
        assert predictor.provenance().engine.endswith("(an ONNX file in the cache)")
    assert len(calls) == 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [calls[0].name]


class ChangesItsMind(Small):
    """Python decides by the values, which no graph can hold."""

    def forward(self, inputs: torch.Tensor):  # type: ignore[no-untyped-def]
        return super().forward(inputs if inputs.mean().item() > 0.2 else -inputs)


def test_what_cannot_be_exported_is_answered_by_torch_and_not_tried_again(tmp_path: Path) -> None:
    model = MemoryModel(build=ChangesItsMind)
    for _ in range(2):
        predictor = Predictor(model, "cpu", cache=tmp_path)
        predictor.warm_up()
        assert predictor.provenance().engine.startswith("torch")
        assert "no ONNX file could be made" in predictor.provenance().engine
    assert [path.suffix for path in tmp_path.iterdir()] == [".txt"]
    assert model.made == 3  # one for the export, two for torch


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    predictor = Predictor(MemoryModel(), "cpu", cache=tmp_path / "file")
    predictor.warm_up()
    assert "no ONNX file can be kept in" in predictor.provenance().engine


def test_a_file_that_answers_differently_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(to_onnx, "TOLERANCE", -1.0)
    predictor = Predictor(MemoryModel(), "cpu", cache=tmp_path)
    predictor.warm_up()
    assert "differs from torch" in predictor.provenance().engine
    assert [path.suffix for path in tmp_path.iterdir()] == [".txt"]


def test_without_onnx_runtime_torch_answers_and_says_why(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(runtime_choice, "find_spec", lambda name: None if name == "onnxruntime" else known(name))
    model = MemoryModel(onnx_path=exported)
    predictor = Predictor(model, "cpu")
    predictor.run(SAMPLES)
    assert predictor.provenance().engine == f"torch {torch.__version__} (ONNX Runtime is not installed)"
    with pytest.raises(MissingDependencyError, match="ONNX Runtime is not installed"):
        Predictor(model, "cpu", "onnx").run(SAMPLES)


def test_asked_for_and_impossible_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no ONNX file"):
        Predictor(MemoryModel(), "cpu", "onnx").run(SAMPLES)
    with pytest.raises(InvalidInputError, match="float32, not bf16"):
        Predictor(MemoryModel(), "cpu", "onnx", "bf16", cache=tmp_path).run(SAMPLES)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    with pytest.raises(UnreadableFileError, match="cannot load") as caught:
        OnnxRuntime(broken)
    assert str(broken) in str(caught.value)
    with pytest.raises(UnreadableFileError):
        OnnxRuntime(tmp_path / "absent.onnx")


def test_a_file_for_one_batch_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    example = torch.zeros(2, *SHAPE)
    torch.onnx.export(Small().eval(), (example,), path, dynamo=True, external_data=False, verbose=False)
    with pytest.raises(UnreadableFileError, match="any batch size"):
        OnnxRuntime(path)


def test_asking_for_onnx_takes_the_cpu(exported: Path) -> None:
    predictor = Predictor(MemoryModel(onnx_path=exported), engine="onnx")
    assert predictor.device.type == "cpu"
