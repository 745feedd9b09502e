"""Order, spacing, tilt, gaps, duplicates and mixtures: a right image with a warning, or a named error."""

from __future__ import annotations

import math
import shutil

import numpy as np
import pydicom
import pytest

from abdominal_oncology.errors import InconsistentSeriesError
from abdominal_oncology.imaging.dicom import DicomReader, SeriesKind, scan_folder
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import read_image


def _codes(image: Image) -> set[str]:
    return {warning.code for warning in image.warnings}


def test_slices_are_sorted_by_place_not_by_instance_number(make_series, files_of, edit) -> None:
    folder, image = make_series(file_names="scrambled")
    for path, number in zip(files_of(folder), (4, 1, 6, 2, 5, 3), strict=True):
        edit(path, InstanceNumber=number, SliceLocation=number)
    read = read_image(DicomReader.from_folder(folder))
    assert np.array_equal(read.voxels, image.voxels)
    assert read.geometry.same_grid(image.geometry, 1e-6)
    assert read.warnings == ()
    assert read.voxels.dtype == np.int16


def test_left_handed_and_descending_stacks_keep_every_voxel_in_its_place(make_series) -> None:
    directions = ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    folder, image = make_series(directions=directions)
    read = read_image(DicomReader.from_folder(folder))
    assert read.geometry.directions[0] == (0.0, 0.0, 1.0)
    assert np.array_equal(read.voxels, image.voxels[::-1])
    assert np.allclose(read.geometry.to_world([0, 0, 0]), image.geometry.to_world([5, 0, 0]))


def test_positions_rounded_by_the_scanner_are_even(make_series, files_of, edit) -> None:
    folder, image = make_series(count=12, spacing_mm=(0.625, 0.7, 0.7))
    for k, path in enumerate(files_of(folder)):
        edit(path, ImagePositionPatient=[-11, -22, round(33 + 0.625 * k, 1)])
    read = read_image(DicomReader.from_folder(folder))
    assert np.array_equal(read.voxels, image.voxels)
    assert read.geometry.spacing_mm[0] == pytest.approx(0.625, abs=0.01)


@pytest.mark.parametrize("gone", [[2], [2, 3], [1, 4]])
def test_a_missing_slice_is_filled_in_and_told(make_series, files_of, gone: list[int]) -> None:
    folder, image = make_series(count=8)
    paths = files_of(folder)
    for k in gone:
        paths[k].unlink()
    reader = DicomReader.from_folder(folder)
    read = read_image(reader)
    assert _codes(read) == {"missing-slices"}
    assert read.geometry.same_grid(image.geometry, 1e-6)
    kept = [k for k in range(8) if k not in gone]
    assert np.array_equal(read.voxels[kept], image.voxels[kept])
    if gone == [2]:
        between = np.rint((image.voxels[1].astype(float) + image.voxels[3]) / 2)
        assert np.abs(read.voxels[2] - between).max() <= 1
    assert read.source.instance_uids == ()
    assert np.array_equal(reader.read([gone[0], 0]), read.voxels[[gone[0], 0]])


def test_a_gap_too_wide_to_fill_makes_two_volumes(make_series, files_of) -> None:
    folder, image = make_series(count=20)
    for path in files_of(folder)[8:14]:
        path.unlink()
    with pytest.raises(InconsistentSeriesError, match="2 volumes") as caught:
        DicomReader.from_folder(folder)
    assert caught.value.where == str(folder)
    first, second = (read_image(DicomReader.from_folder(folder, volume=n)) for n in (0, 1))
    assert np.array_equal(first.voxels, image.voxels[:8])
    assert np.array_equal(second.voxels, image.voxels[14:])
    assert np.allclose(second.geometry.origin_mm, image.geometry.to_world([14, 0, 0]))
    assert "split-at-gap" in _codes(first) & _codes(second)


def test_uneven_spacing_is_resampled_to_an_even_grid(make_series, files_of, edit) -> None:
    folder, _ = make_series(count=6)
    places = [0.0, 2.0, 5.0, 7.0, 10.0, 12.0]
    for z, path in zip(places, files_of(folder), strict=True):

        def ramp(data: pydicom.FileDataset, z: float = z) -> None:
            stored = np.full((data.Rows, data.Columns), round(z * 100) + 1024, np.uint16)
            data.PixelData = stored.tobytes()

        edit(path, ramp, ImagePositionPatient=[-11, -22, z])
    read = read_image(DicomReader.from_folder(folder))
    assert "uneven-spacing" in _codes(read)
    z = read.geometry.to_world([[k, 0, 0] for k in range(read.geometry.shape[0])])[:, 2]
    assert (z[0], z[-1]) == (pytest.approx(0.0), pytest.approx(12.0))
    assert np.allclose(read.voxels[:, 0, 0], z * 100, atol=1)


def test_too_uneven_is_an_error_that_says_how_uneven(make_series, files_of, edit) -> None:
    folder, _ = make_series(count=6)
    for z, path in zip([0.0, 1.0, 5.7, 6.5, 11.0, 11.3], files_of(folder), strict=True):
        edit(path, ImagePositionPatient=[-11, -22, z])
    with pytest.raises(InconsistentSeriesError, match=r"0\.30 to 4\.70 mm apart") as caught:
        DicomReader.from_folder(folder)
    assert caught.value.where == str(folder)
    assert caught.value.remedy


def test_one_slice_takes_its_thickness_as_spacing(make_series, files_of, edit) -> None:
    folder, image = make_series(count=1)
    edit(files_of(folder)[0], SliceThickness=4)
    read = read_image(DicomReader.from_folder(folder))
    assert read.geometry.spacing_mm == (4.0, 0.7, 0.8)
    assert _codes(read) == {"single-slice"}
    assert np.array_equal(read.voxels, image.voxels)


def test_gantry_tilt_is_straightened_and_a_marked_voxel_stays_where_it_was(make_series, files_of, edit) -> None:
    folder, _ = make_series(count=9, spacing_mm=(3.0, 1.0, 1.0))
    tilt = math.radians(15)
    orientation = [1, 0, 0, 0, math.cos(tilt), math.sin(tilt)]
    column = np.asarray(orientation[3:])
    marks = {}
    for k, path in enumerate(files_of(folder)):
        position = np.array([-11.0, -22.0, 33.0 + 3.0 * k])

        def blob(data: pydicom.FileDataset) -> None:
            stored = np.full((data.Rows, data.Columns), 24, np.uint16)
            stored[6:9, 7:10] = 2024
            data.PixelData = stored.tobytes()

        marks[k] = position + 8 * np.array([1.0, 0, 0]) + 7 * column
        edit(
            path,
            blob,
            ImagePositionPatient=[round(float(v), 6) for v in position],
            ImageOrientationPatient=[round(v, 9) for v in orientation],
            GantryDetectorTilt=15,
        )
    reader = DicomReader.from_folder(folder)
    read = read_image(reader)
    assert _codes(read) == {"gantry-tilt"}
    assert "15.0°" in read.warnings[0].message
    assert read.geometry.spacing_mm[0] == pytest.approx(3 * math.cos(tilt))
    assert read.geometry.obliquity_degrees == pytest.approx(15, abs=0.01)
    for k in range(9):
        weight = (read.voxels[k] + 1000.0).clip(0)
        j, i = (np.sum(weight * axis) / weight.sum() for axis in np.indices(weight.shape))
        assert np.allclose(read.geometry.to_world([k, j, i]), marks[k], atol=0.02)
        assert weight.sum() == pytest.approx(9 * 2000, rel=0.01)
    assert np.array_equal(reader.read([7, 2]), read.voxels[[7, 2]])
    assert len(read.source.instance_uids) == 9


def test_the_same_file_twice_is_dropped_with_a_warning(make_series, files_of) -> None:
    folder, image = make_series()
    for path in files_of(folder)[:3]:
        shutil.copy(path, folder / f"copy_of_{path.name}")
    read = read_image(DicomReader.from_folder(folder))
    assert np.array_equal(read.voxels, image.voxels)
    assert _codes(read) == {"duplicate-slices"}


def test_the_same_picture_under_another_uid_is_dropped_too(make_series, files_of, edit) -> None:
    folder, image = make_series()
    path = shutil.copy(files_of(folder)[2], folder / "again.dcm")
    edit(path, SOPInstanceUID="2.25.99")
    read = read_image(DicomReader.from_folder(folder))
    assert np.array_equal(read.voxels, image.voxels)
    assert _codes(read) == {"duplicate-slices"}


def test_two_different_pictures_of_one_place_are_an_error_naming_both(make_series, files_of, edit) -> None:
    folder, image = make_series()
    path = shutil.copy(files_of(folder)[2], folder / "other.dcm")
    edit(path, lambda data: setattr(data, "PixelData", bytes(len(data.PixelData))), SOPInstanceUID="2.25.99")
    reader = DicomReader.from_folder(folder)
    assert np.array_equal(reader.read([0, 1, 5]), image.voxels[[0, 1, 5]])
    with pytest.raises(InconsistentSeriesError, match="two different pictures") as caught:
        reader.read([2])
    assert {"other.dcm", "IM00003.dcm"} <= {
        word.rsplit("/")[-1] for word in (str(caught.value)).replace("]", " ").split()
    }


def _two_phases(make_series, files_of, edit, offset_mm: float = 0.0, **attributes) -> tuple:
    """Two acquisitions in one series; ``attributes`` are set in the second."""
    folder, first = make_series("both", description="two phases")
    other, second = make_series("other", seed=2, description="two phases")
    for k, path in enumerate(files_of(other)):
        moved = edit(
            path,
            SeriesInstanceUID=pydicom.dcmread(files_of(folder)[0]).SeriesInstanceUID,
            SOPInstanceUID=f"2.25.7{k}",
            ImagePositionPatient=[-11, -22, 33 + 2.5 * k + offset_mm],
            **{name: value(k) if callable(value) else value for name, value in attributes.items()},
        )
        shutil.move(moved, folder / f"second_{k}.dcm")
    return folder, first, second


@pytest.mark.parametrize(
    ("offset_mm", "attributes"),
    [
        (0.0, {"AcquisitionNumber": 2}),
        (0.0, {"AcquisitionTime": lambda k: f"0957{k:02d}"}),
        (0.0, {"ContentTime": "095800", "AcquisitionNumber": 7}),
        (0.0, {"ConvolutionKernel": "B60f"}),
        (0.0, {"InstanceNumber": lambda k: 100 + k}),
        (1.0, {"AcquisitionNumber": 2}),
        (1.25, {"AcquisitionNumber": 2}),
    ],
)
def test_phases_mixed_in_one_series_become_separate_volumes(
    make_series, files_of, edit, offset_mm: float, attributes: dict
) -> None:
    folder, first, second = _two_phases(make_series, files_of, edit, offset_mm, **attributes)
    (series,) = scan_folder(folder).series
    assert [len(volume.group.planes) for volume in series.volumes] == [6, 6]
    assert all(volume.told_apart_by for volume in series.volumes)
    with pytest.raises(InconsistentSeriesError, match="2 volumes"):
        DicomReader.from_folder(folder)
    read = [DicomReader.from_folder(folder, volume=n).read() for n in (0, 1)]
    assert any(np.array_equal(voxels, first.voxels) for voxels in read)
    assert any(np.array_equal(voxels, second.voxels) for voxels in read)


def test_slabs_of_one_scan_with_their_own_acquisition_numbers_stay_one_volume(make_series, files_of, edit) -> None:
    folder, image = make_series(count=9)
    for k, path in enumerate(files_of(folder)):
        edit(path, AcquisitionNumber=1 + k // 3)
    assert np.array_equal(read_image(DicomReader.from_folder(folder)).voxels, image.voxels)


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "ImageOrientationPatient": [0, 1, 0, 0, 0, -1],
            "ImagePositionPatient": lambda k: [2.5 * k, -22, 33],
        },
        {"PixelSpacing": [0.9, 0.9]},
        {"FrameOfReferenceUID": "2.25.5"},
    ],
)
def test_mixed_orientations_spacings_and_frames_become_separate_volumes(
    make_series, files_of, edit, attributes
) -> None:
    folder, image = make_series(count=8)
    for k, path in enumerate(files_of(folder)[5:]):
        edit(path, **{name: value(k) if callable(value) else value for name, value in attributes.items()})
    (series,) = scan_folder(folder).series
    assert [len(volume.group.planes) for volume in series.volumes] == [5, 3]
    assert np.array_equal(DicomReader.from_folder(folder, volume=0).read(), image.voxels[:5])


def test_a_localizer_inside_the_series_is_left_aside(make_series, files_of, edit) -> None:
    folder, image = make_series(count=7)
    edit(
        files_of(folder)[0], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ImageOrientationPatient=[0, 1, 0, 0, 0, -1]
    )
    read = read_image(DicomReader.from_folder(folder))
    assert np.array_equal(read.voxels, image.voxels[1:])
    assert _codes(read) == {"other-content"}
    (series,) = scan_folder(folder).series
    assert [volume.kind for volume in series.volumes] == [SeriesKind.IMAGE, SeriesKind.LOCALIZER]


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_pictures_that_do_not_say_where_they_lie_are_refused(make_series, files_of, edit, keyword: str) -> None:
    folder, _ = make_series()
    for path in files_of(folder):
        edit(path, **{keyword: None})
    with pytest.raises(InconsistentSeriesError, match=keyword) as caught:
        DicomReader.from_folder(folder)
    assert caught.value.where.endswith(".dcm")


def test_directions_that_are_not_perpendicular_are_refused(make_series, files_of, edit) -> None:
    folder, _ = make_series()
    for path in files_of(folder):
        edit(path, ImageOrientationPatient=[1, 0, 0, 0.5, 0.8, 0])
    with pytest.raises(InconsistentSeriesError, match="perpendicular"):
        DicomReader.from_folder(folder)


def test_slices_that_wander_in_plane_are_moved_onto_one_grid(make_image, make_series, files_of, edit) -> None:
    image = make_image(count=4, spacing_mm=(2.0, 1.0, 1.0))
    folder, _ = make_series(image=image)
    for k, (path, dx) in enumerate(zip(files_of(folder), (0, 3, -2, 1), strict=True)):
        edit(path, ImagePositionPatient=[-11 + dx, -22, 33 + 2 * k])
    read = read_image(DicomReader.from_folder(folder))
    assert _codes(read) == {"shifted-slices"}
    assert read.geometry.shape == (4, 18, 21)
    assert read.geometry.origin_mm == (-13.0, -22.0, 33.0)
    for k, dx in enumerate((0, 3, -2, 1)):
        assert np.array_equal(read.voxels[k, :, dx + 2 : dx + 18], image.voxels[k])
        assert (np.delete(read.voxels[k], np.s_[dx + 2 : dx + 18], axis=1) == -1024).all()


def test_removed_uids_still_make_one_series_per_folder(make_series, files_of, edit) -> None:
    folder, image = make_series()
    for path in files_of(folder):
        edit(path, SeriesInstanceUID="", StudyInstanceUID="")
    assert np.array_equal(DicomReader.from_folder(folder).read(), image.voxels)


def test_a_stack_geometry_is_a_plain_geometry(make_series) -> None:
    folder, image = make_series()
    assert isinstance(DicomReader.from_folder(folder).geometry, Geometry)
    assert DicomReader.from_folder(folder).stack.kind is SeriesKind.IMAGE
    assert image.geometry.plane == "axial"


@pytest.mark.parametrize("direction", [1, -1])
def test_a_second_phase_that_covers_only_a_part_is_told_apart_by_time(
    make_series, files_of, edit, direction: int
) -> None:
    folder, first = make_series("both", count=8)
    other, second = make_series("other", count=10, seed=2)
    uid = pydicom.dcmread(files_of(folder)[0]).SeriesInstanceUID
    for k, path in enumerate(files_of(folder)):
        edit(path, AcquisitionTime=f"1000{10 + k:02d}")
    for k, path in enumerate(files_of(other)):
        position = [-11, -22, 33 + 2.5 * (k + 2)]
        when = 20 + (k if direction > 0 else 9 - k)
        edit(
            path,
            SeriesInstanceUID=uid,
            SOPInstanceUID=f"2.25.7{k}",
            ImagePositionPatient=position,
            AcquisitionTime=f"1001{when}",
        )
        shutil.move(path, folder / f"second_{k}.dcm")
    read = [DicomReader.from_folder(folder, volume=n).read() for n in (0, 1)]
    assert [len(voxels) for voxels in read] == [10, 8]
    assert np.array_equal(read[0], second.voxels)
    assert np.array_equal(read[1], first.voxels)


def test_odd_and_even_slices_of_one_mr_scan_stay_one_volume(make_series, make_image, files_of, edit) -> None:
    folder, image = make_series(image=make_image(count=10, modality="MR"))
    for k, path in enumerate(files_of(folder)):
        edit(path, AcquisitionNumber=1 + k % 2, AcquisitionTime=f"1000{10 + 5 * k % 2}")
    assert np.array_equal(DicomReader.from_folder(folder).read(), image.voxels)
    for k, path in enumerate(files_of(folder)):
        edit(path, EchoTime=30 + 60 * (k % 2))
    with pytest.raises(InconsistentSeriesError, match="2 volumes"):
        DicomReader.from_folder(folder)
