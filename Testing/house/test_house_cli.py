"""The command line keeps its promises: help with an example, exit codes, clean JSON."""

from __future__ import annotations

import argparse
import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from abdominal_oncology.cli import build_parser, main
from abdominal_oncology.cli.output import ExitCode, print_json, print_table


def _commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    group = build_parser()._subparsers
    assert group is not None
    yield from group._group_actions[0].choices.items()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "parser"), list(_commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_helps_with_an_example_that_parses(name: str, parser: argparse.ArgumentParser) -> None:
    assert parser.epilog is not None
    example = parser.epilog.splitlines()[-1].split()
    assert example[:2] == ["abdominal-oncology", name]
    assert build_parser().parse_args(example[1:]).command == name


def test_bad_input_is_one_line_with_a_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(tmp_path / "nothing here")]) == ExitCode.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nothing here" in captured.err
    assert "To go on:" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    "words",
    [
        ["phantom", "mr", "--stage", "T2", "--output"],
        ["phantom", "ct", "--seconds", "plain=none", "--output"],
        ["manifest", ".", "--output"],
        ["demo", "--output"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_where_nothing_can_be_written_is_told_in_one_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter.txt").write_text("dear reader")
    assert main([*words, str(tmp_path / "letter.txt" / "results")]) == ExitCode.BAD_INPUT
    told = capsys.readouterr().err.splitlines()[-1]
    assert "letter.txt" in told
    assert "To go on:" in told
    assert (tmp_path / "letter.txt").read_text() == "dear reader"


def test_a_fault_of_ours_is_not_called_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(options: argparse.Namespace) -> int:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr("abdominal_oncology.cli.info.run", faulty)
    with pytest.raises(OSError, match="Bad file descriptor"):
        main(["info", "x"])


def test_a_wrong_command_line_is_code_2() -> None:
    with pytest.raises(SystemExit) as stop:
        main(["no-such-command"])
    assert stop.value.code == ExitCode.USAGE


def test_starts_without_heavy_packages() -> None:
    """Opening the command line must not pay for torch, slicer or matplotlib."""
    program = (
        "import sys; from abdominal_oncology.cli import build_parser; build_parser(called=());"
        "print([m for m in ('torch', 'monai', 'slicer', 'vtk', 'matplotlib', 'scipy', 'SimpleITK', 'pydicom')"
        " if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m abdominal_oncology --help | head -1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, env=os.environ)
    assert result.stdout.startswith("usage: abdominal-oncology")
    assert "Traceback" not in result.stderr


def test_tables_align_numbers_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"organ": "aorta", "HU": 151.0}, {"organ": "liver", "HU": 93}])
    assert capsys.readouterr().out.splitlines() == ["organ   HU", "-----  ---", "aorta  151", "liver   93"]


def test_json_writes_what_numpy_and_paths_hold(capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    print_json({"path": Path("a") / "b", "n": np.int16(3), "row": np.arange(2), "names": ("ä",)})
    assert json.loads(capsys.readouterr().out) == {"path": "a/b", "n": 3, "row": [0, 1], "names": ["ä"]}
