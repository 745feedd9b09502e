"""MONAI's own tools take our bundles; bundles by others run nothing unless they are allowed."""

from __future__ import annotations

import csv
import importlib
import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bundle_cases import CLASSES, SHAPE, TASK, load_task, make_bundle, make_facts, make_network
from torch import nn

from abdominal_oncology.errors import InvalidInputError, MissingInputError, UnreadableFileError
from abdominal_oncology.learning.bundle import layout
from abdominal_oncology.learning.bundle.foreign import UntrustedBundleError, foreign_sha256, load_foreign
from abdominal_oncology.learning.bundle.load import load_bundle
from abdominal_oncology.learning.bundle.write import export_bundle

pytestmark = pytest.mark.filterwarnings("ignore")  # monai warns of each configuration it reads

SCHEMA = Path(__file__).with_name("monai_metadata_schema.json")
"""The keys that MONAI's specification demands and their types, written down from its documentation."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("monai")
    export_bundle(load_bundle(make_bundle(folder)), folder / "tiny")
    return folder / "tiny"


@pytest.fixture(autouse=True)
def _offline_with_the_test_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(importlib.import_module("abdominal_oncology.tasks"), "load_task", load_task)


def _logits(inputs: torch.Tensor, folder: Path) -> torch.Tensor:
    with torch.no_grad():
        return load_bundle(folder).network(load_task)(inputs).logits


def test_metadata_passes_monais_schema(exported: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("jsonschema", reason="monai checks metadata with jsonschema")
    from monai.bundle import scripts

    def from_here(url: str, filepath: str, **_: object) -> None:
        assert url.startswith("https://project-monai.github.io/schema/")
        Path(filepath).write_bytes(SCHEMA.read_bytes())

    monkeypatch.setattr(scripts, "download_url", from_here)
    scripts.verify_metadata(meta_file=str(exported / layout.METADATA), filepath=str(tmp_path / "schema.json"))
    spoilt = json.loads((exported / layout.METADATA).read_text())
    del spoilt["network_data_format"]["outputs"]
    (tmp_path / "spoilt.json").write_text(json.dumps(spoilt))
    with pytest.raises(ValueError, match="Failed validating"):
        scripts.verify_metadata(meta_file=str(tmp_path / "spoilt.json"), filepath=str(tmp_path / "schema.json"))


def test_metadata_has_every_mandatory_key(exported: Path) -> None:
    table = json.loads((exported / layout.METADATA).read_text())
    schema = json.loads(SCHEMA.read_text())
    assert [key for key in schema["required"] if key not in table] == []
    image = table["network_data_format"]["inputs"]["image"]
    tensor = schema["$defs"]["tensor"]["required"]
    assert [key for key in tensor if key not in image] == []
    assert (image["num_channels"], *image["spatial_shape"]) == SHAPE
    assert table["network_data_format"]["outputs"]["pred"]["num_channels"] == len(CLASSES)


def test_the_network_passes_monais_check_of_shapes(exported: Path) -> None:
    from monai.bundle import verify_net_in_out

    files = {"meta_file": str(exported / layout.METADATA), "config_file": str(exported / layout.INFERENCE)}
    verify_net_in_out(net_id="network_def", device="cpu", **files)
    with pytest.raises(ValueError, match="channel number"):
        wrong = {"_meta_#network_data_format#outputs#pred#num_channels": 4}
        verify_net_in_out(net_id="network_def", device="cpu", **files, **wrong)


def test_monai_loads_the_network_with_its_weights(exported: Path) -> None:
    from monai.bundle import load

    network = load(exported.name, bundle_dir=exported.parent, workflow_type="inference", device="cpu")
    inputs = torch.randn(4, *SHAPE)
    with torch.no_grad():
        assert torch.equal(network.eval()(inputs), _logits(inputs, exported))


def test_monai_loads_the_weights_into_a_network_of_ours(exported: Path) -> None:
    from monai.bundle import load

    network = load(exported.name, model=make_network(9), bundle_dir=exported.parent, device="cpu")
    inputs = torch.randn(2, *SHAPE)
    with torch.no_grad():
        assert torch.equal(network.eval()(inputs).logits, _logits(inputs, exported))


@pytest.mark.parametrize("part", ["network_def", "network", "preprocessing", "dataset", "inferer", "postprocessing"])
def test_monais_parser_makes_each_part(part: str, exported: Path) -> None:
    from monai.bundle import ConfigParser

    parser = ConfigParser()
    parser.read_config(str(exported / layout.INFERENCE))
    parser.read_meta(str(exported / layout.METADATA))
    parser["bundle_root"] = str(exported)
    assert parser.get_parsed_content(part) is not None
    if part == "network":
        inputs = torch.randn(2, *SHAPE)
        with torch.no_grad():
            assert torch.equal(parser.get_parsed_content(part).cpu()(inputs), _logits(inputs, exported))


def test_monais_workflow_finds_every_property(exported: Path) -> None:
    pytest.importorskip("ignite", reason="monai's evaluator needs pytorch-ignite")
    from monai.bundle import ConfigWorkflow

    workflow = ConfigWorkflow(
        config_file=str(exported / layout.INFERENCE), workflow_type="inference", bundle_root=str(exported)
    )
    workflow.initialize()
    assert workflow.check_properties() == []
    assert isinstance(workflow.network_def, nn.Module)
    assert workflow.version == "1.0.0"


def test_monais_workflow_classifies_prepared_inputs(exported: Path, tmp_path: Path) -> None:
    pytest.importorskip("ignite", reason="monai's evaluator needs pytorch-ignite")
    from monai.bundle import ConfigWorkflow

    inputs = torch.randn(3, *SHAPE)
    for index, each in enumerate(inputs):
        np.save(tmp_path / f"{index}.npy", each.numpy())
    workflow = ConfigWorkflow(
        config_file=str(exported / layout.INFERENCE),
        workflow_type="inference",
        bundle_root=str(exported),
        dataset_dir=str(tmp_path),
        output_dir=str(tmp_path),
        device="$torch.device('cpu')",
    )
    workflow.initialize()
    workflow.run()
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.reader(file))
    found = np.array([[float(value) for value in row[1:]] for row in rows])
    wanted = torch.softmax(_logits(inputs, exported) / make_facts().temperature, dim=1).numpy()
    assert [Path(row[0]).name for row in rows] == ["0.npy", "1.npy", "2.npy"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def _foreign(folder: Path, marker: Path, **changes: Any) -> Path:
    """A MONAI bundle whose configuration runs a program in three ways."""
    path = folder / "foreign"
    for sub in ("configs", "models"):
        (path / sub).mkdir(parents=True)
    write = f"__import__('pathlib').Path({str(marker)!r})"
    metadata = {"version": "1", "monai_version": "1", "pytorch_version": "1", "numpy_version": "1", **changes}
    config = {
        "bundle_root": ".",
        "initialize": [f"${write}.touch()"],
        "danger": f"${write}.touch()",
        "network_def": {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": f"$({write}.touch(), 3)[1]"},
    }
    (path / layout.METADATA).write_text(json.dumps(metadata))
    for name in ("inference", "train"):
        (path / "configs" / f"{name}.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    torch.save(nn.Linear(2, 3).state_dict(), path / layout.TORCH_WEIGHTS)
    return path


def test_a_bundle_by_others_runs_nothing_unless_allowed(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    folder = _foreign(tmp_path, marker)
    with pytest.raises(UnreadableFileError, match="not made by AbdominalOncology"):
        load_bundle(folder)
    with pytest.raises(UntrustedBundleError, match="can run any program") as error:
        load_foreign(folder, frozenset())
    assert foreign_sha256(folder) in error.value.remedy
    allowed = load_foreign(folder, {foreign_sha256(folder)})
    assert not marker.exists()
    network = allowed.network()
    assert marker.exists()  # the test would be worth nothing if this configuration were harmless
    torch.manual_seed(0)
    assert torch.equal(network.state_dict()["weight"], nn.Linear(2, 3).weight)


def test_an_allowed_bundle_that_changed_runs_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    folder = _foreign(tmp_path, marker)
    allowed = load_foreign(folder, {foreign_sha256(folder)})
    with (folder / "configs" / "inference.json").open("a") as file:
        file.write(" ")
    with pytest.raises(UntrustedBundleError, match="changed since"):
        allowed.network()
    (folder / layout.HASHES).write_text("a file of this name is hashed here, too")
    with pytest.raises(UntrustedBundleError):
        load_foreign(folder, {allowed.sha256})
    assert not marker.exists()


def test_a_bundle_by_others_without_weights_asks_no_network(tmp_path: Path) -> None:
    folder = _foreign(tmp_path, tmp_path / "ran")
    (folder / layout.TORCH_WEIGHTS).unlink()
    with pytest.raises(MissingInputError, match=r"model\.pt"):
        load_foreign(folder, {foreign_sha256(folder)}).network()
    assert not (tmp_path / "ran").exists()


def test_our_own_bundle_with_a_poisoned_configuration_runs_nothing(tmp_path: Path) -> None:
    """We never read ``inference.json`` ourselves; whoever changes it changes the hash besides."""
    folder = make_bundle(tmp_path)
    marker = tmp_path / "ran"
    poison = {"network_def": f"$__import__('pathlib').Path({str(marker)!r}).touch()"}
    (folder / layout.INFERENCE).write_text(json.dumps(poison))
    from abdominal_oncology.learning.bundle.hashes import write_hashes

    write_hashes(folder)
    load_bundle(folder).network(load_task)
    assert not marker.exists()


def test_another_task_is_not_registered_by_accident() -> None:
    from abdominal_oncology.learning.bundle.monai_network import logits_network

    with pytest.raises(InvalidInputError, match="no network called"):
        logits_network("nobody", "tiny", 3)
    assert logits_network(TASK, "tiny", 3, {"width": 4})(torch.zeros(1, *SHAPE)).shape == (1, 3)
