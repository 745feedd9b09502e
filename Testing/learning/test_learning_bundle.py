"""A bundle comes back as it was written, and not at all when anything of it changed."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bundle_cases import CLASSES, SHAPE, TASK, load_task, make_bundle, make_facts, make_network
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from abdominal_oncology.errors import (
    AbdominalOncologyError,
    ChangedFileError,
    InvalidInputError,
    MissingInputError,
    UnreadableFileError,
)
from abdominal_oncology.learning.bundle import layout
from abdominal_oncology.learning.bundle.card import make_card
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.bundle.facts_json import facts_from_table, facts_to_table
from abdominal_oncology.learning.bundle.hashes import sha256_of, verify, write_hashes
from abdominal_oncology.learning.bundle.load import load_bundle
from abdominal_oncology.learning.bundle.write import _json, export_bundle, write_bundle


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / written.name))


def test_has_the_files_of_a_monai_bundle(written: Path) -> None:
    assert set(layout.files_of(written)) == layout.OWN_FILES
    assert list(written.parent.glob(".*")) == []


def test_a_list_of_numbers_takes_one_line(tmp_path: Path) -> None:
    rows = {"rows": [[0.5, -1e-7, 3] * 400, [], [None, True]], "names": ["a", "b"]}
    folder = make_bundle(tmp_path, preparation=rows)
    text = (folder / layout.METADATA).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 300
    assert "  [0.5, -1e-07, 3, 0.5, " in text
    assert load_bundle(folder).facts.preparation == rows


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text('[]{},"\\\n 1', max_size=8)


@given(st.recursive(PLAIN | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20))
def test_json_of_a_bundle_says_what_was_put_in(value: Any) -> None:
    assert json.loads(_json({"value": value})) == {"value": value}


def test_weights_come_back_rounded_to_half_and_no_further(written: Path) -> None:
    state, found = make_network().state_dict(), load_bundle(written).state_dict()
    assert set(found) == set(state) != set()
    for name, tensor in state.items():
        wanted = tensor.half().float() if tensor.ndim > 1 else tensor
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], wanted), name


def test_weights_come_back_exactly_in_full_precision(tmp_path: Path) -> None:
    network = make_network(4)
    write_bundle(tmp_path / "full", network, make_facts(), half=False)
    found = load_bundle(tmp_path / "full").state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in network.state_dict().items())


def test_what_half_cannot_hold_stays_whole(tmp_path: Path) -> None:
    network = make_network()
    with torch.no_grad():
        network.get_parameter("head.weight")[0, 0] = 1e6
    write_bundle(tmp_path / "large", network, make_facts())
    assert torch.equal(
        load_bundle(tmp_path / "large").state_dict()["head.weight"], network.get_parameter("head.weight")
    )


def test_the_network_answers_as_the_one_that_was_written(tmp_path: Path) -> None:
    network = make_network()
    write_bundle(tmp_path / "full", network, make_facts(), half=False)
    before = torch.get_rng_state()
    found = load_bundle(tmp_path / "full").network(load_task)
    assert torch.equal(torch.get_rng_state(), before)
    assert not found.training
    inputs = torch.randn(3, *SHAPE)
    with torch.no_grad():
        assert torch.equal(found(inputs).logits, network(inputs).logits)


def test_tied_and_strided_weights_can_be_written(tmp_path: Path) -> None:
    """safetensors refuses tensors that share memory or are not contiguous."""
    network = make_network().to(memory_format=torch.channels_last)
    network.get_submodule("head").register_parameter("twin", network.get_parameter("head.weight"))
    write_bundle(tmp_path / "tied", network, make_facts(), half=False)
    found = load_bundle(tmp_path / "tied").state_dict()
    assert torch.equal(found["head.twin"], found["head.weight"])


def test_facts_come_back(written: Path) -> None:
    assert load_bundle(written).facts == make_facts()


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_TABLE = st.dictionaries(st.text(), _PLAIN, max_size=3)
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(
    preparation=_TABLE,
    training=_TABLE,
    results=_TABLE,
    thresholds=st.dictionaries(st.text(), _NUMBERS, max_size=3),
    temperature=st.floats(1e-6, 1e6),
    texts=st.tuples(st.text(), st.text(), st.text()),
)
def test_any_facts_go_through_json_unchanged(
    preparation: dict[str, Any],
    training: dict[str, Any],
    results: dict[str, Any],
    thresholds: dict[str, float],
    temperature: float,
    texts: tuple[str, str, str],
) -> None:
    facts = make_facts(
        preparation=preparation,
        training=training,
        results=results,
        thresholds=thresholds,
        temperature=temperature,
        intended_use=texts[0],
        limits=texts[1],
        references=texts,
    )
    text = json.dumps(facts_to_table(facts), allow_nan=False)
    again = facts_from_table(json.loads(text))
    assert again == facts
    assert json.dumps(facts_to_table(again)) == text
    assert make_card(facts).startswith("# tiny-phases 1.0.0\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, {1: 2}, np.float32(1), Path("a")], ids=repr)
def test_facts_that_json_cannot_hold_are_refused(value: object) -> None:
    with pytest.raises(InvalidInputError, match=r"JSON|texts") as error:
        facts_to_table(make_facts(training={"deep": [value]}))
    assert "training.deep" in error.value.where


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.pop("classes"), "'classes' is missing"),
        (lambda table: table.update(colour="red"), "'colour' is not known"),
        (lambda table: table.update(classes="ab"), "'classes' is not a list"),
        (lambda table: table.update(thresholds=[1]), "'thresholds' is not a table"),
        (lambda table: table.update(task=3), "'task' is not a text"),
        (lambda table: table.update(temperature="warm"), "not be used|cannot be used|that can be used"),
        (lambda table: table["unfamiliar"].pop("limit"), "'limit' is missing"),
        (lambda table: table.update(name="../up"), "name has letters"),
        (lambda table: table.update(temperature=-1), "temperature must be positive"),
    ],
)
def test_wrong_facts_are_told(change: Any, message: str) -> None:
    table = facts_to_table(make_facts())
    change(table)
    with pytest.raises(AbdominalOncologyError, match=message):
        facts_from_table(table, "metadata.json")


@pytest.mark.parametrize("name", sorted(layout.OWN_FILES))
def test_one_changed_byte_is_found_and_its_file_named(name: str, copy: Path) -> None:
    path = copy / name
    data = bytearray(path.read_bytes())
    generator = np.random.default_rng(len(name))
    for position in {0, len(data) - 1, *generator.integers(0, len(data), 8).tolist()}:
        changed = bytearray(data)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(UnreadableFileError if name != layout.HASHES else AbdominalOncologyError) as error:
            verify(copy)
        if name != layout.HASHES:
            assert isinstance(error.value, ChangedFileError)
            assert Path(error.value.where) == path
        with pytest.raises(AbdominalOncologyError):
            load_bundle(copy)
    path.write_bytes(data)
    verify(copy)


@pytest.mark.parametrize("name", sorted(layout.OWN_FILES))
def test_a_missing_file_is_named(name: str, copy: Path) -> None:
    (copy / name).unlink()
    with pytest.raises(MissingInputError) as error:
        load_bundle(copy)
    assert Path(error.value.where) == copy / name


def test_a_missing_file_that_is_not_listed_either_is_named(copy: Path) -> None:
    (copy / layout.WEIGHTS).unlink()
    write_hashes(copy)
    with pytest.raises(MissingInputError, match=r"model\.safetensors"):
        load_bundle(copy)


def test_a_file_that_is_not_listed_is_named(copy: Path) -> None:
    (copy / "configs" / "extra.py").write_text("")
    with pytest.raises(ChangedFileError, match="does not belong") as error:
        load_bundle(copy)
    assert error.value.where.endswith("extra.py")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_is_refused(copy: Path, tmp_path: Path) -> None:
    card = copy / layout.CARD
    (tmp_path / "elsewhere.md").write_bytes(card.read_bytes())
    card.unlink()
    card.symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(ChangedFileError, match="link"):
        load_bundle(copy)
    with pytest.raises(UnreadableFileError, match="link"):
        write_hashes(copy)


def _edit(folder: Path, name: str, change: Any) -> None:
    table = json.loads((folder / name).read_text(encoding="utf-8"))
    change(table)
    (folder / name).write_text(json.dumps(table), encoding="utf-8")


@pytest.mark.parametrize("name", [layout.METADATA, layout.HASHES])
def test_a_newer_format_is_refused(name: str, copy: Path) -> None:
    _edit(copy, name, lambda table: (table if name == layout.HASHES else table[layout.OWN_KEY]).update(format=2))
    with pytest.raises(InvalidInputError, match=r"format 2; known up to 1.*update AbdominalOncology"):
        load_bundle(copy)


@pytest.mark.parametrize(
    "text", ["{", "[1]", "\udcff", "", "[" * 200_000], ids=["cut", "list", "bytes", "empty", "deep"]
)
@pytest.mark.parametrize("name", [layout.METADATA, layout.HASHES])
def test_broken_json_is_named(name: str, text: str, copy: Path) -> None:
    (copy / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UnreadableFileError, match="JSON") as error:
        load_bundle(copy)
    assert Path(error.value.where) == copy / name


@pytest.mark.parametrize("value", [{"format": 1}, {"format": 1, "facts": 3}, {"format": "1"}, 3, {}], ids=repr)
def test_a_broken_own_part_is_named(value: object, copy: Path) -> None:
    _edit(copy, layout.METADATA, lambda table: table.update({layout.OWN_KEY: value}))
    with pytest.raises(UnreadableFileError) as error:
        load_bundle(copy)
    assert "metadata.json" in error.value.where


def test_a_bundle_for_another_task_is_refused(written: Path) -> None:
    assert load_bundle(written, task=TASK).facts.task == TASK
    with pytest.raises(InvalidInputError, match=f"for the task '{TASK}', not 'phase'"):
        load_bundle(written, task="phase")


def test_weights_of_another_network_are_told_by_name_and_shape(tmp_path: Path) -> None:
    write_bundle(tmp_path / "wide", make_network(width=12), make_facts(network_options={"width": 8}))
    with pytest.raises(UnreadableFileError, match=r"body\.0\.weight has shape 12 × 2 × 3 × 3 and the network wants 8"):
        load_bundle(tmp_path / "wide").network(load_task)
    write_bundle(tmp_path / "other", nn.Linear(3, 2), make_facts())
    with pytest.raises(UnreadableFileError, match=r"body\.0\.weight 8 × 2 × 3 × 3 is missing.* and \d+ more"):
        load_bundle(tmp_path / "other").network(load_task)


def test_a_network_that_is_not_known_is_told(tmp_path: Path) -> None:
    write_bundle(tmp_path / "unknown", make_network(), make_facts(network="huge"))
    with pytest.raises(InvalidInputError, match=r"no network called 'huge'.*tiny"):
        load_bundle(tmp_path / "unknown").network(load_task)


def test_weights_that_are_not_finite_are_refused_when_written_and_when_read(tmp_path: Path, copy: Path) -> None:
    from safetensors.torch import save_file

    network = make_network()
    with torch.no_grad():
        network.get_parameter("head.bias")[1] = math.nan
    with pytest.raises(InvalidInputError, match=r"head\.bias.*not all finite"):
        write_bundle(tmp_path / "nan", network, make_facts())
    assert not (tmp_path / "nan").exists()
    save_file(network.state_dict(), copy / layout.WEIGHTS)
    write_hashes(copy)
    with pytest.raises(UnreadableFileError, match=r"head\.bias.*not all finite"):
        load_bundle(copy).network(load_task)


def test_weights_that_are_no_safetensors_are_refused(copy: Path) -> None:
    (copy / layout.WEIGHTS).write_bytes(b"\xff" * 100)
    write_hashes(copy)
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        load_bundle(copy).state_dict()


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "", "con", "-a", "ä"])
def test_names_that_no_folder_should_have_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        write_bundle(tmp_path / "folder", make_network(), make_facts(name=name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", ["", "../1", "1/2", "one", "1..", "1.0 "])
def test_versions_that_are_none_are_refused(version: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="not a version"):
        write_bundle(tmp_path / "folder", make_network(), make_facts(version=version))


def test_an_existing_folder_is_kept_unless_replaced(written: Path, copy: Path) -> None:
    with pytest.raises(InvalidInputError, match="exists already"):
        write_bundle(copy, make_network(7), make_facts())
    assert load_bundle(copy).sha256 == load_bundle(written).sha256
    write_bundle(copy, make_network(7), make_facts(), replace=True)
    assert load_bundle(copy).sha256 != load_bundle(written).sha256
    assert list(copy.parent.glob(".*")) == []


def test_replacing_never_takes_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "only-copy.dcm").write_text("precious")
    with pytest.raises(InvalidInputError, match="only a bundle can be replaced"):
        write_bundle(tmp_path / "scans", make_network(), make_facts(), replace=True)
    assert (tmp_path / "scans" / "only-copy.dcm").read_text() == "precious"
    (tmp_path / "empty").mkdir()
    write_bundle(tmp_path / "empty", make_network(), make_facts(), replace=True)
    load_bundle(tmp_path / "empty")


def test_a_bundle_that_changed_since_it_was_opened_is_not_exported(copy: Path, tmp_path: Path) -> None:
    bundle = load_bundle(copy)
    (copy / layout.CARD).write_text("better")
    with pytest.raises(ChangedFileError, match="changed since"):
        export_bundle(bundle, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InvalidInputError, match="cannot be written") as error:
            make_bundle(tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert error.value.where == str(tmp_path)


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match=r"cannot be written|exists already"):
        make_bundle(tmp_path / "file")


def test_being_killed_while_writing_leaves_no_half_bundle(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path;"
        "import abdominal_oncology.learning.bundle.write as write; from bundle_cases import make_bundle;"
        "write.write_hashes = lambda folder: os.kill(os.getpid(), 9);"  # all is written but the last file
        "make_bundle(Path(sys.argv[2]))"
    )
    here = str(Path(__file__).parent)
    result = subprocess.run([sys.executable, "-c", program, here, str(tmp_path)], capture_output=True)
    assert result.returncode in (-9, 1), result.stderr
    assert not (tmp_path / "tiny-phases-1.0.0").exists()
    assert [path.name.startswith(".partial-") for path in tmp_path.iterdir()] == [True]


def test_the_same_network_gives_the_same_bundle(written: Path, tmp_path: Path) -> None:
    again = make_bundle(tmp_path)
    assert load_bundle(again).sha256 == load_bundle(written).sha256
    assert load_bundle(again).weights_sha256 == sha256_of(written / layout.WEIGHTS)


def test_an_exported_bundle_has_the_same_weights_twice(written: Path, tmp_path: Path) -> None:
    export_bundle(load_bundle(written), tmp_path / "out")
    bundle, original = load_bundle(tmp_path / "out"), load_bundle(written)
    pt = torch.load(tmp_path / "out" / layout.TORCH_WEIGHTS, weights_only=True)
    assert all(torch.equal(pt[name], tensor) for name, tensor in original.state_dict().items())
    assert bundle.sha256 != original.sha256
    assert bundle.verified.content_sha256 == original.verified.content_sha256


def test_the_card_tells_what_is_needed(written: Path) -> None:
    card = load_bundle(written).card
    assert card == make_card(make_facts())
    for text in (
        "**Trained on phantoms, not on patients.**",
        "Research use only.",
        "| held-out, accuracy | 0.912 | 0.87 to 0.95 |",
        "| cases | 40 |",
        "abdominal-oncology train phase",
        "- seed: `3`",
        "Trying bundles.",
        "Knows nothing.",
        "threshold abstain: 0.4",
        "| cpu, 2 cores | 0.031 |",
        '- recipe:\n\n  ```json\n  {\n    "epochs": 2\n  }\n  ```\n',
        "A paper | of &lt;b>note&lt;/b>",
    ):
        assert text in card
    patients = make_card(make_facts(trained_on="patients of two hospitals"))
    assert "phantom" not in patients.lower()
    assert "in part" in make_card(make_facts(trained_on="phantoms and patients"))
    assert "not on patients" in make_card(make_facts(trained_on="synthetic lesions; no image of a patient was used"))
    assert "not on patients" in make_card(make_facts(trained_on="realistic phantoms"))
    undefined = make_card(make_facts(results={"auc": {"value": None, "low": None, "high": None}}))
    assert "| auc | not defined |  |" in undefined
    other_level = make_card(make_facts(results={"auc": {"value": 0.5, "low": 0.4, "high": 0.6, "level": 0.9}}))
    assert "| auc | 0.5 | 0.4 to 0.6 (90%) |" in other_level


def test_a_card_of_few_facts_says_what_is_not_known() -> None:
    card = make_card(BundleFacts("few", "1", TASK, "tiny", CLASSES, SHAPE, "patients"))
    assert card.count("Not stated.") == 6
    assert "None were measured." in card
    assert "Not measured." in card
