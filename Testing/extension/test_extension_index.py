"""What the Extensions Index asks for: the catalogue entry, icons, licence, README."""

from __future__ import annotations

import json
import re
import runpy
import tomllib
from pathlib import Path

import pytest
from extension_tools import ROOT

ENTRY = ROOT / "Resources" / "AbdominalOncology.json"
REQUIRED = {"$schema", "category", "scm_url"}
OPTIONAL = {"scm_revision", "build_dependencies", "build_subdirectory", "tier", "enabled"}
CATEGORIES = {
    "Analysis",
    "Cardiac",
    "DICOM",
    "Diffusion",
    "Examples",
    "Filtering",
    "IGT",
    "Informatics",
    "Quantification",
    "Radiotherapy",
    "Registration",
    "Segmentation",
    "Sequences",
    "Shape Analysis",
    "Surface Models",
    "Utilities",
}
"""Those of the index's list that could be meant; "Oncology" is not among them."""
ICONS = [
    ROOT / "Resources" / "Icons" / "AbdominalOncology.png",
    *(ROOT / name / "Resources" / "Icons" / f"{name}.png" for name in ("PhaseClassifier", "LiverHCC", "RectalStaging")),
]


def problems_of(entry: dict[str, object], file_name: str) -> list[str]:
    """The rules of the catalogue entry, version 1.0.2."""
    found = [f"missing {key}" for key in REQUIRED - entry.keys()]
    found += [f"unknown key {key}" for key in entry.keys() - REQUIRED - OPTIONAL]
    if "catalog-entry-schema-v1.0.2.json" not in str(entry.get("$schema")):
        found.append("not version 1.0.2")
    if entry.get("category") not in CATEGORIES:
        found.append("category")
    url = str(entry.get("scm_url"))
    if not re.fullmatch(r"https://github\.com/[\w-]+/Slicer\w+\.git", url):
        found.append("scm_url")
    if file_name.startswith("Slicer") or f"/Slicer{file_name.removesuffix('.json')}.git" not in url:
        found.append("name")
    if not isinstance(entry.get("tier", 1), int) or entry.get("tier", 1) not in (1, 3, 5):
        found.append("tier")
    dependencies = entry.get("build_dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(name, str) for name in dependencies):
        found.append("build_dependencies")
    return found


def test_the_catalogue_entry_keeps_the_rules() -> None:
    assert problems_of(json.loads(ENTRY.read_text(encoding="utf-8")), ENTRY.name) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"homepage": "x"}, "unknown key homepage"),
        ({"category": "Oncology"}, "category"),
        ({"scm_url": "git@github.com:AbdominalOncology/SlicerAbdominalOncology.git"}, "scm_url"),
        ({"tier": 2}, "tier"),
        ({"build_dependencies": "PyTorch"}, "build_dependencies"),
        ({"$schema": "v1.0.1"}, "not version 1.0.2"),
    ],
)
def test_the_rules_find_mistakes(change: dict[str, object], problem: str) -> None:
    assert problem in problems_of(json.loads(ENTRY.read_text(encoding="utf-8")) | change, ENTRY.name)


def test_the_entry_and_cmake_say_the_same() -> None:
    entry = json.loads(ENTRY.read_text(encoding="utf-8"))
    cmake = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert f'set(EXTENSION_DEPENDS "{" ".join(entry["build_dependencies"])}")' in cmake
    assert f'set(EXTENSION_HOMEPAGE "{entry["scm_url"].removesuffix(".git")}")' in cmake
    assert "project(AbdominalOncology)" in cmake
    assert "cmake_minimum_required(VERSION 3.28.0...3.28.0)" in cmake


@pytest.mark.parametrize("icon", ICONS, ids=lambda path: path.stem)
def test_icons_are_128_pixels_and_not_empty(icon: Path) -> None:
    pictures = pytest.importorskip("PIL.Image", reason="Pillow reads the icons")
    with pictures.open(icon) as image:
        assert (image.size, image.mode) == ((128, 128), "RGBA")
        assert image.getpixel((0, 0))[3] == 0  # round corners
        assert len(image.convert("RGB").quantize(16).getcolors()) >= 5
    assert icon.stat().st_size < 40_000


def test_icons_are_what_the_script_draws(tmp_path: Path) -> None:
    pictures = pytest.importorskip("PIL.Image", reason="Pillow draws the icons")
    chops = pytest.importorskip("PIL.ImageChops")
    runpy.run_path(str(ROOT / "Resources" / "Icons" / "draw_icons.py"))["main"](tmp_path)
    for icon in ICONS:
        with pictures.open(icon) as kept, pictures.open(tmp_path / icon.relative_to(ROOT)) as drawn:
            difference = chops.difference(kept, drawn)
            assert max(high for _, high in difference.getextrema()) <= 8, icon.name


def test_the_readme_has_what_the_index_asks_for() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0] == "# AbdominalOncology"
    images = [a or b for a, b in re.findall(r'!\[[^\]]*\]\(([^)\s]+)|<img[^>]+src="([^"]+)"', text)]
    assert images, "at least one informative image"
    assert [image for image in images if "://" not in image and not (ROOT / image).is_file()] == []
    for module in ("PhaseClassifier", "LiverHCC", "RectalStaging"):
        sentence = re.search(rf"(?:\*\*|`|\[){module}[^\n]{{30,}}", text)
        assert sentence, f"one sentence that says what {module} does"
    publications = re.search(r"(?s)\n## Publications?\n(.*?)(?=\n## |$)", text)
    assert publications, "publications to cite"
    assert len(re.findall(r"^- .*\*[^*\n]{20,}\*", publications[1], re.MULTILINE)) >= 4, "one for each method"
    assert re.search(r"(?i)apache", text), "the licence by name"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")


def test_requirements_are_those_of_the_package_without_what_slicer_has() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = {line for line in lines if line and not line.startswith("#")}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    offered = {line for extra in ("torch", "batch") for line in extras[extra] if not line.startswith("torch")}
    assert wanted == offered


def test_nothing_large_is_in_the_repository() -> None:
    """The index asks for less than 100 MB; what is bundled is part of it."""
    folders = ("Resources", "abdominal_oncology", "PhaseClassifier", "LiverHCC", "RectalStaging", "Docs", "Testing")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    kept = [path for path in files if "output" not in path.relative_to(ROOT).parts and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in kept) < 60_000_000
