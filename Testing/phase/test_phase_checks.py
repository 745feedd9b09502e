"""Values that are no HU, series that are no CT, contrast in the gut."""

from __future__ import annotations

import numpy as np
import pytest
from phase_doubles import CountingReader, reader_of

from abdominal_oncology.errors import WrongModalityError
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.phase.checks import gut_warnings, header_warnings, require_ct, slab_to_sample
from abdominal_oncology.phase.locate import Slab, locate_slab
from abdominal_oncology.phase.trusted_reader import TrustedReader
from abdominal_oncology.phase.voxel_scale import judge_values


def codes(check):
    return [each.code for each in check.warnings]


def test_hounsfield_units_pass_as_they_are(abdomen):
    for image in abdomen.images.values():
        check = judge_values(image.voxels)
        assert (check.fault, check.offset_hu, check.warnings) == ("", 0.0, ())
        assert judge_values(image.voxels, is_ct=False).fault == ""


@pytest.mark.parametrize("shift", [-1024, 1024])
@pytest.mark.parametrize("padded", [False, True])
def test_a_shift_by_1024_is_put_right(venous, shift, padded):
    voxels = venous.voxels.astype(np.int32)
    if padded:  # beyond the round field of view many scanners write a constant
        voxels = voxels.copy()
        voxels[:, :12] = -2000
    check = judge_values(voxels + shift, is_ct=False)
    assert check.offset_hu == -shift
    assert codes(check) == ["hu-shifted"]
    assert "corrected" in check.warnings[0].message
    reader = TrustedReader(reader_of(venous, (voxels + shift).astype(np.int16)), check.offset_hu)
    assert np.array_equal(reader.read([3]), voxels[[3]])


def test_padding_alone_is_no_shift(venous):
    voxels = venous.voxels.astype(np.int16).copy()
    voxels[:, :40] = -3024
    assert judge_values(voxels).offset_hu == 0
    assert judge_values(voxels).fault == ""


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda hu: np.clip((hu + 150.0) / 400 * 255, 0, 255).astype(np.uint8), "windowed"),
        (lambda hu: np.clip((hu + 150.0) / 400, 0, 1), "windowed"),
        (lambda hu: np.full(hu.shape, -1000, np.int16), "all-air"),
        (lambda hu: np.full(hu.shape, 40, np.int16), "empty"),
        (lambda hu: np.full(hu.shape, np.nan, np.float32), "not-a-number"),
        (lambda hu: (np.clip(hu, -1000, 1000) + 1000) * 2.3 + 400, "not-hu"),
    ],
    ids=["8 bit", "0 to 1", "air", "constant", "NaN", "another scale"],
)
def test_what_is_no_hu_is_named(venous, change, code):
    check = judge_values(change(venous.voxels))
    assert check.code == code
    assert check.fault
    assert check.offset_hu == 0


def test_some_nan_and_cut_off_values_are_warnings(venous):
    some = venous.voxels.astype(np.float32).copy()
    some[:, :10] = np.nan
    assert codes(judge_values(some)) == ["not-a-number"]
    cut = judge_values(np.clip(venous.voxels, -160, 240))
    assert (cut.fault, codes(cut)) == ("", ["hu-clipped"])


def test_an_mr_like_image_is_not_taken_for_ct():
    rng = np.random.default_rng(0)
    tissue = rng.gamma(4, 90, (8, 64, 64)) * (rng.random((8, 64, 64)) > 0.3)
    for values in (tissue, tissue - 20, tissue * 3):
        assert judge_values(values.astype(np.int16), is_ct=False).fault
        assert judge_values(values.astype(np.int16), is_ct=False).offset_hu == 0


def test_other_modalities_are_refused_by_name(venous):
    with pytest.raises(WrongModalityError, match="MR"):
        require_ct(reader_of(venous, modality=Modality.MR))
    with pytest.raises(WrongModalityError, match="a mask"):
        mask = Image((venous.voxels > 0).astype(np.uint8), venous.geometry, Modality.MASK)
        require_ct(ArrayReader(mask))
    with pytest.raises(WrongModalityError, match="PT"):
        require_ct(reader_of(venous, modality=Modality.OTHER, Modality="PT"))
    require_ct(reader_of(venous, modality=Modality.OTHER))


def test_a_trusted_reader_decodes_once_and_makes_nan_air(venous):
    voxels = venous.voxels.astype(np.float32).copy()
    voxels[4, 3, 3] = np.nan
    inner = CountingReader(Image(voxels, venous.geometry, Modality.CT))
    reader = TrustedReader(inner)
    reader.keep([4, 6], inner.read([4, 6]))
    inner.asked.clear()
    got = reader.read([6, 2, 4, 2])
    assert inner.asked == [2]
    assert got[2, 3, 3] == -1024
    assert np.array_equal(got[0], voxels[6])
    assert np.array_equal(got[1], got[3])
    assert reader.read_once == {2, 4, 6}


def test_contrast_in_the_bowel_is_noticed(venous):
    reader = ArrayReader(venous)
    slab = locate_slab(reader)
    before = gut_warnings(reader, slab)
    pooled = venous.voxels.astype(np.int16).copy()
    _, rows, columns = pooled.shape
    y, x = np.mgrid[:rows, :columns]
    body = np.argwhere(pooled[(slab.start + slab.stop) // 2] > -200)
    top, left = body.min(axis=0)
    bottom, right = body.max(axis=0)
    centre = (top + 0.3 * (bottom - top), left + 0.62 * (right - left))
    pool = np.hypot(y - centre[0], x - centre[1]) * 2.5 < 16
    pooled[:, pool] = 320
    assert [each.code for each in gut_warnings(reader_of(venous, pooled), slab)] == ["oral-contrast"]
    ribs = venous.voxels.astype(np.int16).copy()
    ribs[:, np.abs(np.hypot(y - centre[0], x - centre[1]) * 2.5 - 20) < 3] = 320  # a thin ring is no pool
    assert gut_warnings(reader_of(venous, ribs), slab) == before
    assert before == []


def test_the_header_may_name_oral_contrast():
    assert [each.code for each in header_warnings({"ContrastBolusRoute": "ORAL AND IV"})] == ["oral-contrast"]
    assert header_warnings({"ContrastBolusRoute": "IV"}) == []


def test_only_a_slab_that_is_sure_is_sampled():
    assert slab_to_sample(None) is None
    assert slab_to_sample(Slab(3, 9, 0.9, ())) == (3, 9)
    assert slab_to_sample(Slab(3, 9, 0.2, ())) is None
    assert slab_to_sample(Slab(0, 0, 0.9, ())) is None
