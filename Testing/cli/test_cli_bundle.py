"""The command ``bundle``: what it prints, what it answers to wrong input."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from abdominal_oncology.cli import main
from abdominal_oncology.cli.output import ExitCode

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "learning"))
from bundle_cases import make_bundle  # the helper lives with the tests of bundles


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ABDOMINAL_ONCOLOGY_BUNDLES", str(tmp_path / "user"))
    return tmp_path / "user"


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> object:
    assert main(["bundle", *words, "--json"]) == ExitCode.DONE
    return json.loads(capsys.readouterr().out)


def test_the_life_of_a_bundle(user: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_bundle(tmp_path)
    row = _json(capsys, "add", str(folder))
    assert (row["name"], row["version"], row["where"]) == ("tiny-phases", "1.0.0", "user")
    assert row in _json(capsys, "list")
    assert _json(capsys, "list", "--task", "bundle-test") == [row]
    assert _json(capsys, "list", "--task", "none") == []
    hashes = _json(capsys, "verify", "tiny-phases")
    assert len(hashes["sha256"]) == 64
    assert "models/model.safetensors" in hashes["files"]
    assert _json(capsys, "card", "tiny-phases")["temperature"] == 1.7
    zipped = _json(capsys, "export", "tiny-phases", "--output", str(tmp_path / "carry"), "--zip")
    assert _json(capsys, "verify", zipped["path"])["sha256"] == zipped["sha256"]
    exported = _json(capsys, "export", "tiny-phases", "--output", str(tmp_path / "carry"))
    assert (Path(exported["path"]) / "models" / "model.pt").is_file()
    assert _json(capsys, "remove", "tiny-phases")["path"] == str(user / "tiny-phases-1.0.0")
    assert _json(capsys, "list", "--task", "bundle-test") == []


def test_prints_for_people(user: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "add", str(make_bundle(tmp_path))]) == ExitCode.DONE
    assert "tiny-phases 1.0.0 is there" in capsys.readouterr().out
    main(["bundle", "list"])
    assert re.search(r"tiny-phases +1\.0\.0", capsys.readouterr().out)
    main(["bundle", "card", "tiny-phases"])
    assert capsys.readouterr().out.startswith("# tiny-phases 1.0.0\n\n> **Trained on phantoms")
    main(["bundle", "verify", "tiny-phases"])
    assert "5 files unchanged" in capsys.readouterr().out


def test_a_broken_bundle_is_a_row_and_an_exit_code(
    user: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_bundle(user)
    (make_bundle(user, version="2.0.0") / "docs" / "README.md").unlink()
    assert main(["bundle", "list", "--task", "bundle-test"]) == ExitCode.SOME_FAILED
    out = capsys.readouterr().out
    assert "missing: README.md" in out
    assert "1.0.0" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["verify", "nothing"], "no bundle called 'nothing'"),
        (["card", "nothing.zip"], "no such bundle"),
        (["add", "nothing.zip"], "no such bundle"),
        (["remove", "nothing"], "no bundle called"),
        (["export", "nothing", "--output", "x"], "no bundle called"),
    ],
)
def test_wrong_input_is_one_line(
    words: list[str], message: str, user: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", *words]) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert message in error
    assert "To go on:" in error
    assert len(error.splitlines()) == 1


def test_a_bundle_by_others_tells_its_risk(user: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "others" / "configs").mkdir(parents=True)
    (tmp_path / "others" / "configs" / "metadata.json").write_text("{}")
    assert main(["bundle", "add", str(tmp_path / "others")]) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert "can run any program with your rights" in error
    digest = error.split("--allow ")[1][:64]
    assert main(["bundle", "add", str(tmp_path / "others"), "--allow", digest.upper()]) == ExitCode.DONE
    assert digest in (user / "allowed-sha256.txt").read_text()
