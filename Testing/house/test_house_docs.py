"""What the documents say can be done: links lead somewhere, commands parse, versions agree."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from abdominal_oncology import __version__
from abdominal_oncology.cli import build_parser

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "Docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"")
COMMAND = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/)?abdominal-oncology (?P<rest>.+?)\s*(?:#.*)?$", re.MULTILINE)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [first or second for first, second in LINK.findall(page.read_text(encoding="utf-8"))]
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert missing == []


def _commands() -> list[tuple[str, str]]:
    return [
        (_name(page), match["rest"])
        for page in PAGES
        for block in re.findall(r"```[a-z]*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for match in COMMAND.finditer(block.replace("\\\n", ""))  # a command may go on in the next line
    ]


@pytest.mark.parametrize(("page", "command"), _commands())
def test_commands_in_the_docs_parse(page: str, command: str) -> None:
    words = shlex.split(command.split("|")[0].split(">")[0])
    assert build_parser().parse_args(words).command in words, page


def test_the_command_reference_names_every_command() -> None:
    reference = (ROOT / "Docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    actions = build_parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert [name for name in actions if f"`{name}`" not in reference] == []


def test_every_dependency_is_pinned_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    names = {re.split(r"[<>=!~\[; ]", line)[0].lower().replace("_", "-") for line in wanted}
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    pins = [line.split("==")[0].lower().replace("_", "-") for line in lines]
    assert all("==" in line for line in lines)
    assert sorted(set(pins)) == sorted(pins)
    assert names - set(pins) == set()


def test_versions_agree() -> None:
    assert f"version: {__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
