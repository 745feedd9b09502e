"""What a model was trained on stands above every report that rests on it, and at the end of what a terminal shows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks need torch")

from abdominal_oncology.cli import main
from abdominal_oncology.cli.output import ExitCode
from abdominal_oncology.cli.phase_report import phase_report
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.learning.batch_files import CaseResult
from abdominal_oncology.learning.bundle.origin import CAUTIONS, Origin, cautions_of
from abdominal_oncology.learning.finding import Finding, Provenance

PHANTOMS = CAUTIONS[Origin.PHANTOMS]


def finding(trained_on: str) -> Finding:
    return Finding("phase", "one", None, {}, Provenance("votes", trained_on=trained_on))


@pytest.mark.parametrize(
    ("trained_on", "said"),
    [
        ("", ()),
        ("4,000 scans of two hospitals", ()),
        ("6,000 synthetic patients; no real case", (PHANTOMS,)),
        ("phantoms and 40 patients", (CAUTIONS[Origin.PART_PHANTOMS],)),
    ],
)
def test_what_is_said_follows_from_what_the_bundle_says(trained_on: str, said: tuple[str, ...]) -> None:
    assert cautions_of([finding(trained_on), None, finding(trained_on)]) == said


def test_a_report_says_it_before_the_rest() -> None:
    page = phase_report([CaseResult("one", "P1", finding("synthetic images only"))]).html()
    assert 0 < page.index(PHANTOMS) < page.index("<h2>")
    assert PHANTOMS not in phase_report([CaseResult("one", "P1", finding(""))]).html()


@pytest.mark.parametrize("question", ["phase", "rectal"])
def test_a_terminal_shows_it_and_json_holds_it(
    question: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the bundles that ship."""
    rng = np.random.default_rng(0)
    if question == "phase":
        voxels = rng.normal(40, 10, (4, 64, 64)).round().astype(np.int16)
        voxels[:, :8] = -1000
        image = Image(voxels, Geometry(voxels.shape, (5.0, 5.0, 5.0)), Modality.CT)
    else:
        voxels = rng.normal(300, 60, (12, 96, 96)).round().astype(np.int16)
        image = Image(voxels, Geometry(voxels.shape, (3.5, 2.0, 2.0)), Modality.MR)
    path = write_volume_file(image, tmp_path / "image.nrrd")
    words = [question, str(path), "--device", "cpu", "--output", str(tmp_path / "out")]
    assert main(words) in (ExitCode.DONE, ExitCode.SOME_FAILED)
    assert PHANTOMS in capsys.readouterr().out
    assert PHANTOMS in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    main([*words, "--json"])
    assert json.loads(capsys.readouterr().out)["cautions"] == [PHANTOMS]
