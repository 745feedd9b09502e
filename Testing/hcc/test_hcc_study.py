"""Whole phantom studies, scanner to category: lesions whose kind is known, in a liver that breathes between phases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from abdominal_oncology.errors import WrongModalityError
from abdominal_oncology.hcc.analyze import analyze
from abdominal_oncology.hcc.case import MultiphaseCase
from abdominal_oncology.hcc.finding import case_finding, recategorise
from abdominal_oncology.hcc.finding_lirads import lirads_of
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.hcc.phantom import hcc_study, liver_mask
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.resample import resample
from abdominal_oncology.learning.finding import Finding, Provenance

_SECONDS = {"arterial": 38.0, "portal": 75.0, "delayed": 180.0}
_SIZES_MM = {"hcc": 34.0, "cyst": 24.0, "metastasis": 36.0}
_CIRRHOSIS = Population.of("cirrhosis")


class Study:
    """Images by phase, the liver, and a mask per lesion, called by its kind."""

    def __init__(self) -> None:
        drawn = hcc_study(
            10,  # its HCC is bright, then dark, for a reader who sees it without noise
            lesions=list(_SIZES_MM),
            sizes_mm=list(_SIZES_MM.values()),
            seconds=_SECONDS,
            matrix=128,
            spacing_mm=(5.1, 3.0, 3.0),  # beyond 5 mm slices are 2.5 mm thick and painted once, not twice
            slices=43,
            noise_hu=8.0,
        )
        labels = drawn.labels["portal"]
        self.images: Mapping[str, Image] = drawn.images
        self.truth: dict[str, Any] = {row["kind"]: row for row in drawn.truth["lesions"]}
        self.liver = Image(liver_mask(labels.voxels).astype(np.uint8), labels.geometry, "MASK")
        parts, count = ndimage.label(labels.voxels == find("liver_lesion").number)
        middles = labels.geometry.to_world(ndimage.center_of_mass(parts > 0, parts, range(1, count + 1)))
        self.lesions = {}
        for kind, row in self.truth.items():
            away = np.linalg.norm(middles - np.asarray(row["centre_mm"]["portal"]), axis=1)
            self.lesions[kind] = Image((parts == 1 + int(np.argmin(away))).astype(np.uint8), labels.geometry, "MASK")

    def case(self, **changes: Any) -> MultiphaseCase:
        return MultiphaseCase.of(**{**self.images, "liver": self.liver, "lesions": self.lesions, **changes})


@pytest.fixture(scope="module")
def study() -> Study:
    return Study()


@pytest.fixture(scope="module")
def findings(study: Study) -> dict[str, Finding]:
    return {each.subject: each for each in analyze(study.case(), population=_CIRRHOSIS)}


def test_every_lesion_has_its_finding_size_and_place(study: Study, findings: dict[str, Finding]) -> None:
    assert list(findings) == list(_SIZES_MM)
    for kind, finding in findings.items():
        size = finding.measurement("size")
        assert size is not None
        assert size.value == pytest.approx(_SIZES_MM[kind], rel=0.15)
        assert finding.tables["location"][0]["segment"] in ("II", "III", "IV", "V", "VI", "VII", "VIII")
        assert finding.decision is None
        assert not {"misaligned", "phases-swapped", "lesion-outside-liver"} & {each.code for each in finding.warnings}


def test_phases_are_laid_on_each_other_as_they_were_shifted(study: Study, findings: dict[str, Finding]) -> None:
    centres = study.truth["hcc"]["centre_mm"]
    for row in findings["hcc"].tables["alignment"]:
        moved = centres[str(row["phase"])][2] - centres["portal"][2]
        assert row["shift_mm"] == pytest.approx(moved, abs=2.5)
        assert float(str(row["confidence"])) > 0.5


def test_a_clear_hcc_is_probably_or_definitely_one(findings: dict[str, Finding]) -> None:
    lirads = lirads_of(findings["hcc"])
    assert lirads.decision in ("LR-4", "LR-5"), lirads.reason


def test_a_cyst_is_benign(findings: dict[str, Finding]) -> None:
    assert lirads_of(findings["cyst"]).decision == "LR-1", lirads_of(findings["cyst"]).reason


def test_a_metastasis_is_not_called_definitely_hcc(findings: dict[str, Finding]) -> None:
    """Half of them show a rim (LR-M); the others are dark lesions without hyperenhancement."""
    lirads = lirads_of(findings["metastasis"])
    assert lirads.decision in ("LR-M", "LR-3", "LR-4"), lirads.reason
    assert lirads.probabilities["LR-5"] < lirads.probabilities["LR-M"] + lirads.probabilities["LR-4"]


def test_the_most_suspicious_lesion_leads_the_case(findings: dict[str, Finding]) -> None:
    whole = case_finding("study", list(findings.values()), Provenance("test"))
    assert not whole.reason.startswith("cyst")
    assert Finding.from_json(whole.to_json()) == whole


def test_growth_since_a_prior_is_seen(study: Study) -> None:
    lesion = {"hcc": study.lesions["hcc"]}
    (grown,) = analyze(study.case(lesions=lesion, priors={"hcc": PriorSize(20.0, months=5)}), population=_CIRRHOSIS)
    (same,) = analyze(study.case(lesions=lesion, priors={"hcc": PriorSize(33.0, months=5)}), population=_CIRRHOSIS)
    assert "threshold growth" in lirads_of(grown).reason
    assert "no threshold growth" in lirads_of(same).reason


def test_swapped_phases_end_in_no_category_until_a_reader_speaks(study: Study) -> None:
    swapped = study.case(
        arterial=study.images["portal"], portal=study.images["arterial"], lesions={"hcc": study.lesions["hcc"]}
    )
    (finding,) = analyze(swapped, population=_CIRRHOSIS)
    assert finding.has_warning("phases-swapped")
    assert lirads_of(finding).decision == "LR-NC"
    assert lirads_of(recategorise(finding, {"not_categorisable": "absent"})).decision != "LR-NC"


def test_thick_slices_warn_and_still_measure(study: Study) -> None:
    thick = {role: _every_second(image) for role, image in study.images.items()}
    (finding,) = analyze(study.case(**thick, lesions={"hcc": study.lesions["hcc"]}), population=_CIRRHOSIS)
    assert finding.has_warning("thick-slices")
    assert finding.has_warning("mask-on-other-grid")
    assert lirads_of(finding).decision in ("LR-3", "LR-4", "LR-5")


def test_a_tilted_acquisition_warns_and_is_measured_alike(study: Study, findings: dict[str, Finding]) -> None:
    tilted = {role: _tilted(image) for role, image in study.images.items()}
    (finding,) = analyze(study.case(**tilted, lesions={"hcc": study.lesions["hcc"]}), population=_CIRRHOSIS)
    assert finding.has_warning("oblique")
    straight, turned = (each.measurement("arterial_median") for each in (findings["hcc"], finding))
    assert straight is not None
    assert turned is not None
    assert turned.value == pytest.approx(straight.value, abs=6)


@pytest.mark.parametrize("change", ["windowed", "unsigned"])
def test_values_that_are_no_hounsfield_units_are_refused(study: Study, change: str) -> None:
    def spoilt(image: Image) -> Image:
        voxels = image.voxels.astype(np.float32)
        windowed = np.clip((voxels + 160) / 400, 0, 1)
        made = windowed if change == "windowed" else (voxels + 1024).astype(np.uint16)
        return Image(made, image.geometry, "CT", image.source)

    images = {role: spoilt(image) for role, image in study.images.items()}
    with pytest.raises(WrongModalityError, match="not Hounsfield units"):
        analyze(study.case(**images))


def _every_second(image: Image) -> Image:
    grid = image.geometry
    k, j, i = grid.spacing_mm
    coarse = Geometry((len(image.voxels[::2]), *grid.shape[1:]), (2 * k, j, i), grid.origin_mm, grid.directions)
    return Image(image.voxels[::2], coarse, image.modality, image.source)


def _tilted(image: Image) -> Image:
    """The same patient on slices turned by 6° around the left-right axis, about the volume's middle."""
    grid = image.geometry
    sine, cosine = np.sin(np.radians(6.0)), np.cos(np.radians(6.0))
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    axes = np.asarray(grid.directions) @ turn.T
    middle = np.asarray(grid.centre_mm)
    origin = middle + (np.asarray(grid.origin_mm) - middle) @ turn.T
    directions = tuple(tuple(float(v) for v in row) for row in axes)
    turned = Geometry(grid.shape, grid.spacing_mm, tuple(float(v) for v in origin), directions)  # type: ignore[arg-type]
    return resample(image, turned, "linear")
