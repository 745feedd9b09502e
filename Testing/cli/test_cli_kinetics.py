"""``abdominal-oncology kinetics``: words in, an answer out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from abdominal_oncology.cli import main
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.volume_file import write_volume_file


def test_json(capsys):
    assert main(["kinetics", "--roi", "aorta=151±8", "--roi", "portal_vein=133", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["phase"] == "venous"
    assert sum(found["probabilities"].values()) == pytest.approx(1)
    assert found["seconds_90"][0] < found["seconds"] < found["seconds_90"][1]
    assert [(row["structure"], row["error_hu"]) for row in found["evidence"]] == [("aorta", 8.0), ("portal_vein", 5.0)]


def test_text(capsys):
    assert main(["kinetics", "--roi", "aorta=300", "--roi", "portal_vein=90"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("arterial with probability")
    assert "portal_vein" in out


def test_nothing_given_cannot_tell(capsys):
    assert main(["kinetics"]) == 0
    assert capsys.readouterr().out.startswith("cannot tell")


@pytest.mark.parametrize("roi", ["aorta", "aorta=bright", "=40", "aorta=40±0", "aorta=nan", "aorta=1.2.3"])
def test_a_region_that_is_none(roi, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["kinetics", "--roi", roi])
    assert stopped.value.code == 2
    assert "aorta=151±8" in capsys.readouterr().err


def test_unknown_structure_and_half_a_pair(capsys):
    assert main(["kinetics", "--roi", "spaceship=40"]) == 3
    assert "spaceship" in capsys.readouterr().err
    assert main(["kinetics", "scan.nrrd"]) == 3
    assert "--segmentation" in capsys.readouterr().err


def test_segmentation(tmp_path, capsys):
    grid = Geometry((6, 40, 40), (3.0, 1.0, 1.0))
    inside = np.hypot(*(np.mgrid[:40, :40] - 20)) <= 10
    voxels = np.where(inside, 310, -100).astype(np.int16)[None].repeat(6, axis=0)
    image = write_volume_file(Image(voxels, grid, Modality.CT), tmp_path / "scan.nrrd")
    labels = (inside * 52).astype(np.uint8)[None].repeat(6, axis=0)
    mask = write_volume_file(Image(labels, grid, Modality.MASK), tmp_path / "labels.nrrd")
    assert main(["kinetics", "--segmentation", str(mask), str(image), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["phase"] == "arterial"
    assert found["evidence"][0]["hu"] == 310
