"""What headers of real archives say of a series, and what is warned of."""

from __future__ import annotations

import pytest

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.rectal.header_checks import header_warnings

FINE = Geometry((24, 256, 256), (3.0, 0.45, 0.45))
T2 = {"SeriesDescription": "AX T2 TSE", "EchoTime": 100.0, "RepetitionTime": 4000.0, "MagneticFieldStrength": 3.0}


def codes(header, geometry=FINE):
    return [warning.code for warning in header_warnings(header, geometry)]


def test_a_usual_series_is_not_doubted():
    assert codes(T2) == []
    assert codes({"SeriesDescription": "t2_tse_tra_3mm_obl"}) == []
    assert codes({"EchoTime": 110.024, "RepetitionTime": 2960.0, "MagneticFieldStrength": 1.5}) == []
    assert codes({"SeriesDescription": "T2 TSE b0 reference"}) == []


@pytest.mark.parametrize(
    "header",
    [
        {"SeriesDescription": "ep2d_diff_b50_800_tra_ADC"},
        {"SeriesDescription": "DWI b1000"},
        {"SeriesDescription": "AX T1 TSE", "EchoTime": 100.0},
        {"SeriesDescription": "t1_vibe_dyn post contrast"},
        {"SeriesDescription": "T2 map"},
        {"SeriesDescription": "AX T2", "DiffusionBValue": 800.0},
        {"EchoTime": 12.0, "RepetitionTime": 600.0},
        {"SeriesDescription": "AX T2", "EchoTime": 4.0},
        {"EchoTime": 100.0, "RepetitionTime": 500.0},
        {"EchoTime": [12.0], "RepetitionTime": "600"},
    ],
)
def test_another_weighting_is_told(header):
    assert codes(header) == ["not-t2-weighted"]


def test_what_nobody_says_is_unknown_and_not_wrong():
    assert codes({}) == ["weighting-unknown"]
    assert codes({"SeriesDescription": "rectum tra", "EchoTime": ""}) == ["weighting-unknown"]


def test_other_doubts():
    assert codes(T2 | {"SeriesDescription": "AX T2 FS"}) == ["fat-suppressed"]
    assert codes(T2 | {"SeriesDescription": "t2_stir_tra"}) == ["fat-suppressed"]
    assert codes(T2 | {"EchoTime": 250.0}) == ["echo-time"]
    assert codes(T2 | {"MagneticFieldStrength": 0.35}) == ["field-strength"]
    assert codes(T2 | {"MagneticFieldStrength": 7}) == ["field-strength"]
    assert codes(T2 | {"MagneticFieldStrength": 15000.0}) == []  # gauss
    assert codes(T2 | {"MagneticFieldStrength": 2.89}) == []
    assert codes(T2, Geometry((24, 128, 128), (3.0, 1.2, 1.2))) == ["pixel-spacing"]
    assert codes(T2, Geometry((24, 512, 512), (3.0, 0.1, 0.1))) == ["pixel-spacing"]
