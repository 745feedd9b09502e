"""``hcc`` from the command line: findings, table and maps in a folder, exit codes, named errors for bad input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from liver_scene import LiverScene

from abdominal_oncology.cli import main
from abdominal_oncology.cli.hcc_report import hcc_report
from abdominal_oncology.cli.output import ExitCode
from abdominal_oncology.hcc.finding_lirads import lirads_of
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.learning.bundle.origin import CAUTIONS, Origin
from abdominal_oncology.learning.finding import Finding, Provenance

_SCENE = LiverScene(spacing_mm=(3.0, 2.0, 2.0), shape=(48, 80, 92))
Files = dict[str, str]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("study")
    scene = _SCENE
    organs = np.where(scene.lesion_mask().voxels > 0, 2, scene.liver_mask().voxels).astype(np.uint8)
    images = {role: scene.image(role) for role in ("arterial", "portal", "delayed")}
    images |= {"liver": scene.liver_mask(), "lesions": scene.lesion_mask(), "organs": Image(organs, scene.grid, "MASK")}
    empty = Image(np.zeros(scene.grid.shape, np.uint8), scene.grid, "MASK")
    smaller = LiverScene(spacing_mm=scene.spacing_mm, shape=scene.shape, lesion_mm=11.0).lesion_mask()
    far = scene.grid.crop((0, 0, 0), scene.grid.shape)
    away = Image(
        scene.lesion_mask().voxels, type(far)(far.shape, far.spacing_mm, (900.0, 0.0, 0.0), far.directions), "MASK"
    )
    images |= {"empty": empty, "smaller": smaller, "away": away}
    return {name: str(write_volume_file(image, folder / f"{name}.nii.gz")) for name, image in images.items()}


def run(files: Files, *more: str, lesions: str = "lesions", liver: str = "liver", delayed: bool = True) -> int:
    phases = ["--arterial", files["arterial"], "--portal", files["portal"]]
    phases += ["--delayed", files["delayed"]] if delayed else []
    masks = ["--liver", files[liver], "--lesions", files[lesions]]
    return main(["hcc", *phases, *masks, "--bundle", "none", *more])


def test_a_folder_holds_findings_table_report_and_maps(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert run(files, "--population", "cirrhosis", "--output", str(output), "--maps") == ExitCode.DONE
    shown = capsys.readouterr().out
    assert "lesion 1" in shown
    assert "measured features and LI-RADS alone, as asked for" in shown
    whole = Finding.from_json((output / "findings.json").read_text(encoding="utf-8"))
    assert whole.question == "hcc"
    assert [each.subject for each in whole.parts] == ["lesion 1"]
    assert lirads_of(whole.parts[0]).decision in ("LR-4", "LR-5")
    with (output / "lesions.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["li_rads"] == lirads_of(whole.parts[0]).decision
    assert float(row["size_mm (mm)"]) == pytest.approx(20, abs=1.6)
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "LR-" in page
    assert CAUTIONS[Origin.PHANTOMS] not in page, "no network was asked"
    (lesion,) = whole.parts
    answered = replace(lesion, provenance=replace(lesion.provenance, trained_on="phantoms"))
    assert CAUTIONS[Origin.PHANTOMS] in hcc_report(replace(whole, parts=(answered,))).html()
    enhancement = open_reader(output / "maps" / "lesion-1_enhancement.nii.gz").read()
    assert 20 < float(np.percentile(enhancement[enhancement != 0], 90)) < 60
    assert (output / "maps" / "lesion-1_washout.nii.gz").is_file()


def test_json_is_all_that_is_printed(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    prior = ("--prior-size-mm", "11", "--prior-months", "5", "--population", "hbv")
    assert run(files, *prior, "--json", delayed=False) == ExitCode.DONE
    printed = json.loads(capsys.readouterr().out)
    finding = Finding.from_dict(printed["finding"]).parts[0]
    assert finding.has_warning("delayed-missing")
    assert "threshold growth" in printed["li_rads"]["lesion 1"]["sentence"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--prior-size-mm", "lesion 1=11", "--prior-date", "2026-01-10", "--date", "2026-05-10"), "threshold growth"),
        (("--prior-lesions", "smaller", "--prior-months", "4"), "threshold growth"),
        (("--override", "lesion 1:aphe=rim"), "LR-M"),
        (("--override", "lesion 1:size_mm=8"), "8 mm"),
        (("--override", "lesion 1:aphe=unknown"), "no APHE"),
    ],
)
def test_what_is_known_beside_the_images_counts(
    files: Files, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], told: str
) -> None:
    given = [files.get(each, each) for each in options]
    assert run(files, "--population", "cirrhosis", *given) == ExitCode.DONE
    assert told in capsys.readouterr().out


def test_labels_of_one_map(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ("--liver-label", "1", "--lesion-label", "2", "--json")
    assert run(files, *labels, liver="organs", lesions="organs") == ExitCode.DONE
    printed = json.loads(capsys.readouterr().out)
    (finding,) = Finding.from_dict(printed["finding"]).parts
    assert finding.subject == "lesion 2"
    assert not finding.has_warning("lesion-outside-liver")


def test_phases_told_before_are_compared(files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    venous = Finding("phase", "s", "venous", {"venous": 0.9}, Provenance("votes"))
    path = tmp_path / "phase.json"
    path.write_text(venous.to_json(), encoding="utf-8")
    assert run(files, "--phase-finding", f"arterial={path}") == ExitCode.DONE
    assert "what was given as the arterial phase is venous" in capsys.readouterr().out


BAD: dict[str, tuple[Callable[[Files], list[str]], dict[str, Any], str]] = {
    "no such file": (lambda f: ["--non-contrast", "nowhere.nii.gz"], {}, "no such file"),
    "empty lesions": (lambda f: [], {"lesions": "empty"}, "the outline of the lesions is empty"),
    "empty liver": (lambda f: [], {"liver": "empty"}, "EmptyMaskError"),
    "lesions elsewhere": (lambda f: [], {"lesions": "away"}, "lies outside the portal phase"),
    "several labels as liver": (lambda f: [], {"liver": "organs"}, "say which label the liver is"),
    "label that is not there": (lambda f: ["--lesion-label", "7"], {}, "has no label 7"),
    "image as outline": (lambda f: [], {"lesions": "arterial"}, "is an image, not a mask"),
    "prior without time": (lambda f: ["--prior-size-mm", "11"], {}, "nobody says when"),
    "prior that is no number": (lambda f: ["--prior-size-mm", "big", "--prior-months", "3"], {}, "number of mm"),
    "prior of a stranger": (lambda f: ["--prior-size-mm", "x=11", "--prior-months", "3"], {}, "no lesion has that"),
    "maps without folder": (lambda f: ["--maps"], {}, "maps need a folder"),
    "override of a stranger": (lambda f: ["--override", "lesion 9:aphe=rim"], {}, "no lesion has that name"),
    "override without meaning": (lambda f: ["--override", "lesion 1:aphe=odd"], {}, "is no value of"),
    "phase without a name": (lambda f: ["--phase-finding", f["liver"]], {}, "no phase is called"),
    "bundle that is not there": (lambda f: ["--bundle", "no-such-bundle"], {}, "no-such-bundle"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_named_error(files: Files, capsys: pytest.CaptureFixture[str], name: str) -> None:
    options, masks, told = BAD[name]
    assert run(files, *options(files), **masks) == ExitCode.BAD_INPUT
    said = capsys.readouterr()
    assert told in said.err
    assert said.out == ""


def test_a_wrong_command_line_is_refused(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(files, "--override", "aphe")
    assert stopped.value.code == ExitCode.USAGE
    assert "LESION:FEATURE=VALUE" in capsys.readouterr().err
