"""The ONNX form of a network answers as torch does, with the weights as they will be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from bundle_cases import SHAPE, load_task, make_facts, make_network
from torch import Tensor, nn

from abdominal_oncology.errors import MissingDependencyError, UnreadableFileError
from abdominal_oncology.learning.bundle import layout, to_onnx
from abdominal_oncology.learning.bundle.load import load_bundle
from abdominal_oncology.learning.bundle.write import export_bundle, write_bundle
from abdominal_oncology.learning.trainer import Output

onnx = pytest.importorskip("onnx", reason="writing ONNX needs onnx")
pytest.importorskip("onnxscript", reason="writing ONNX needs onnxscript")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX is compared by running it")


class Solid(nn.Module):
    """A 3-D network, and a name of its input that is not ours."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.InstanceNorm3d(4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, volume: Tensor) -> Output:
        features = self.body(volume).mean(dim=(2, 3, 4))
        return Output(self.head(features), features)


def test_a_bundle_with_onnx_answers_as_its_torch_network(tmp_path: Path) -> None:
    write_bundle(tmp_path / "tiny", make_network(), make_facts(), onnx=True)
    bundle = load_bundle(tmp_path / "tiny")
    assert bundle.onnx_path == tmp_path / "tiny" / layout.ONNX
    assert sorted(path.name for path in (tmp_path / "tiny" / "models").iterdir()) == ["model.onnx", "model.safetensors"]
    model = onnx.load(bundle.onnx_path)
    assert model.opset_import[0].version >= 17
    session = onnxruntime.InferenceSession(str(bundle.onnx_path), providers=["CPUExecutionProvider"])
    network = bundle.network(load_task)
    for batch in (1, 2, 7):
        inputs = torch.randn(batch, *SHAPE)
        with torch.no_grad():
            wanted = network(inputs)
        found = session.run(["logits", "features"], {"image": inputs.numpy()})
        np.testing.assert_allclose(found[0], wanted.logits.numpy(), atol=1e-5)
        np.testing.assert_allclose(found[1], wanted.features.numpy(), atol=1e-5)


def test_three_dimensions_and_training_mode(tmp_path: Path) -> None:
    network = Solid().train()
    worst = to_onnx.export_onnx(network, (1, 6, 8, 8), tmp_path / "solid.onnx")
    assert worst < to_onnx.TOLERANCE
    assert network.training  # the caller's network is as it was


def test_an_exported_bundle_may_have_onnx(tmp_path: Path) -> None:
    write_bundle(tmp_path / "tiny", make_network(), make_facts())
    bundle = load_bundle(tmp_path / "tiny")
    assert bundle.onnx_path is None
    export_bundle(bundle, tmp_path / "out", bundle.network(load_task))
    assert load_bundle(tmp_path / "out").onnx_path == tmp_path / "out" / layout.ONNX


def test_a_network_that_depends_on_its_values_is_told(tmp_path: Path) -> None:
    class Moody(nn.Module):
        def forward(self, inputs: Tensor) -> Output:
            flat = inputs.flatten(1) if bool(inputs.sum() > 0) else -inputs.flatten(1)
            return Output(flat[:, :2], flat)

    with pytest.raises(UnreadableFileError, match="cannot be written as ONNX"):
        to_onnx.export_onnx(Moody(), (1, 2, 2), tmp_path / "moody.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_difference_to_torch_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export = to_onnx._export

    def spoil(network: nn.Module, example: Tensor, path: Path) -> None:
        export(network, example, path)
        with torch.no_grad():
            network.get_parameter("head.bias").add_(0.01)

    monkeypatch.setattr(to_onnx, "_export", spoil)
    with pytest.raises(UnreadableFileError, match="differs from torch"):
        write_bundle(tmp_path / "spoilt", make_network(), make_facts(), onnx=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_what_is_not_installed_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(to_onnx, "find_spec", lambda name: None if name == package else True)
    with pytest.raises(MissingDependencyError, match=rf"needs {package}\. "):
        to_onnx.export_onnx(make_network(), SHAPE, tmp_path / "x.onnx")
