"""Staging a volume from image to finding, with an untrained network: what must hold whatever it has learned."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch")

from rectal_doubles import DEPTH, SIZE, Model, facts, moved, predictor, sagittal  # noqa: E402

from abdominal_oncology.errors import (  # noqa: E402
    AbdominalOncologyError,
    Cancelled,
    EmptyMaskError,
    GeometryMismatchError,
    InvalidInputError,
    WrongModalityError,
)
from abdominal_oncology.imaging.geometry import Geometry  # noqa: E402
from abdominal_oncology.imaging.image import Image, Modality  # noqa: E402
from abdominal_oncology.imaging.open import open_reader  # noqa: E402
from abdominal_oncology.imaging.reader import ArrayReader, read_image  # noqa: E402
from abdominal_oncology.learning.augment import named_views  # noqa: E402
from abdominal_oncology.learning.predictor import Predictor  # noqa: E402
from abdominal_oncology.learning.runtime_torch import TorchRuntime  # noqa: E402
from abdominal_oncology.rectal.box import Box  # noqa: E402
from abdominal_oncology.rectal.looks import joined, look, view_names, viewed  # noqa: E402
from abdominal_oncology.rectal.marks import as_input  # noqa: E402
from abdominal_oncology.rectal.plane import AcquisitionPlane  # noqa: E402
from abdominal_oncology.rectal.stage import StageSettings, stage  # noqa: E402

ONE_LOOK = StageSettings(tta=False)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def net():
    return predictor()


def middle(image):
    return Box(image.geometry.centre_mm, (80.0, 80.0, 60.0))


def codes(staged):
    return {warning.code for warning in staged.finding.warnings}


def inputs(seed=0):
    return as_input(np.random.default_rng(seed).integers(0, 256, (DEPTH, SIZE, SIZE), dtype=np.uint8))


def test_a_volume_is_staged_with_all_its_evidence(net, t2, tumour, rectum):
    seen = []
    staged = stage(
        ArrayReader(t2),
        predictor=net,
        masks={"tumour": tumour, "rectum": rectum},
        progress=lambda done, what: seen.append(done),
    )
    finding = staged.finding
    assert finding.decision in ("T2", "T3")
    assert sum(finding.probabilities.values()) == pytest.approx(1)
    assert set(finding.tables) == {"slices", "views", "region", "operating"}
    assert len(finding.tables["slices"]) == DEPTH
    assert len(finding.tables["views"]) == 8
    assert {each.name for each in finding.measurements} == {
        "T3 probability over views",
        "extramural depth",
        "tumour volume",
    }
    assert finding.subject == "AX T2 TSE (phantom)"
    assert finding.provenance.bundle == "untrained"
    assert finding.provenance.seconds > 0
    assert staged.overlay.geometry == t2.geometry
    assert np.abs(staged.overlay.voxels).max() == pytest.approx(1, abs=0.15)
    assert (np.diff(seen) > -1e-9).all()
    assert seen[-1] == 1.0


def test_the_first_look_is_the_volume_as_it_is(net, t2, tumour):
    one, eight = (stage(t2, predictor=net, masks={"tumour": tumour}, settings=StageSettings(tta=tta)) for tta in (0, 1))
    (only,) = one.finding.tables["views"]
    assert only == {"view": "as it is", "probability": pytest.approx(one.finding.probabilities["T3"], abs=1e-4)}
    rows = eight.finding.tables["views"]
    assert rows[0]["probability"] == pytest.approx(only["probability"], abs=1e-3)
    assert eight.finding.probabilities["T3"] == pytest.approx(np.mean([row["probability"] for row in rows]), abs=1e-3)
    assert len({row["probability"] for row in rows}) > 4  # views are not the same picture
    assert one.evidence.share == pytest.approx(eight.evidence.share)  # evidence is of the volume as it is
    odds = np.log(only["probability"] / (1 - only["probability"]))
    assert one.evidence.log_odds == pytest.approx(odds, abs=0.02)


def test_views_move_picture_and_marks_together_and_keep_the_padding():
    padded = as_input(np.full((5, SIZE, SIZE), 200, np.uint8), depth=DEPTH)
    pictures = list(viewed(padded, named_views("tta8")))
    assert len(pictures) == 8
    for picture in pictures:
        assert picture.shape == (1, 2, DEPTH, SIZE, SIZE)
        marks = picture[0, 1].reshape(DEPTH, -1)
        assert marks.max(axis=1) == pytest.approx(padded[1, :, 0, 0] / 255)
        assert (marks.min(axis=1) == marks.max(axis=1)).all()
        assert picture[0, 0] == pytest.approx(padded[0] / 255, abs=1e-5)  # even from all sides
    mirrored = list(viewed(inputs(), named_views("tta8")))
    assert np.array_equal(mirrored[4], mirrored[0][..., ::-1])


def test_several_networks_answer_together(t2, tumour):
    folds = [predictor(1), predictor(2)]
    alone = [stage(t2, predictor=each, masks={"tumour": tumour}, settings=ONE_LOOK) for each in folds]
    both = stage(t2, predictor=folds, masks={"tumour": tumour}, settings=ONE_LOOK)
    chances = [each.finding.probabilities["T3"] for each in alone]
    assert chances[0] != pytest.approx(chances[1], abs=1e-3)
    assert both.finding.probabilities["T3"] == pytest.approx(np.mean(chances), abs=1e-6)
    assert [row["network"] for row in both.finding.tables["views"]] == ["1: untrained", "2: untrained"]
    assert both.evidence.share == pytest.approx((alone[0].evidence.share + alone[1].evidence.share) / 2)
    other = predictor(preparation={"size": SIZE, "depth": DEPTH, "field_mm": 90.0})
    with pytest.raises(InvalidInputError, match="other inputs"):
        stage(t2, predictor=[folds[0], other])
    with pytest.raises(InvalidInputError, match="no network"):
        look([], inputs())
    with pytest.raises(InvalidInputError, match="same classes"):
        one = folds[0].run(inputs()[None])
        three = type(one)(one.logits, np.ones((1, 3), np.float32) / 3, one.features)
        joined([one, three])


def test_the_network_is_loaded_once_where_torch_answers(t2):
    model = Model(facts())
    torch_answers = Predictor(model, "cpu", "torch")
    for _ in range(2):
        stage(t2, predictor=torch_answers, settings=ONE_LOOK)
    assert model.made == 1
    assert torch_answers.network() is torch_answers.network()
    torch_answers.release()
    assert not torch_answers.is_loaded


class Elsewhere:
    """Answers without showing a network, as ONNX Runtime does."""

    name, is_exact = "elsewhere", True

    def __init__(self, inner):
        self.inner = inner

    def start(self, batch):
        return self.inner.start(batch)

    def close(self):
        self.inner.close()


def test_beside_another_engine_the_network_is_loaded_once_more_and_kept(t2, monkeypatch):
    monkeypatch.setattr(
        "abdominal_oncology.learning.predictor.choose_cpu_runtime",
        lambda model, *_: (Elsewhere(TorchRuntime(model.network(), torch.device("cpu"))), "for a test"),
    )
    model = Model(facts())
    elsewhere = Predictor(model, "cpu")
    plain, again = (stage(t2, predictor=elsewhere, settings=ONE_LOOK) for _ in range(2))
    assert model.made == 2
    assert plain.finding.tables == again.finding.tables
    elsewhere.release()
    stage(t2, predictor=elsewhere, settings=ONE_LOOK)
    assert model.made == 4


def test_the_region_drawn_as_a_box_gives_the_same_cut_again(net, t2, tumour):
    first = stage(t2, predictor=net, masks={"tumour": tumour}, settings=ONE_LOOK)
    (row,) = first.finding.tables["region"]
    again = stage(t2, predictor=net, box=first.box, settings=ONE_LOOK)
    assert again.placed == first.placed
    assert again.prepared.region.source == "box"
    assert "region-wider-than-field" not in codes(again)
    assert np.abs(again.prepared.pixels.astype(int) - first.prepared.pixels).max() <= 1
    assert again.finding.probabilities["T3"] == pytest.approx(first.finding.probabilities["T3"], abs=2e-3)
    assert {**again.finding.tables["region"][0], "source": ""} == pytest.approx({**row, "source": ""}, abs=2e-3)


def test_stored_order_changes_neither_answer_nor_where_things_are(net, t2, tumour):
    plane = AcquisitionPlane((1, 2, 0), (False, True, True))

    def stored(image):
        voxels = np.ascontiguousarray(plane.undo(image.voxels))
        return moved(image, voxels=voxels, geometry=_undone(plane, image.geometry))

    plain = stage(t2, predictor=net, masks={"tumour": tumour}, settings=ONE_LOOK)
    turned = stage(stored(t2), predictor=net, masks={"tumour": stored(tumour)}, settings=ONE_LOOK)
    assert turned.finding.probabilities["T3"] == pytest.approx(plain.finding.probabilities["T3"], abs=1e-6)
    assert turned.overlay.geometry.same_grid(stored(t2).geometry)
    assert np.array_equal(plane.apply(turned.overlay.voxels), plain.overlay.voxels)


def _undone(plane, grid):
    """A geometry that ``plane`` turns into ``grid``."""
    order = np.argsort(plane.order)
    first = [n - 1 if flip else 0 for n, flip in zip(grid.shape, plane.flips, strict=True)]
    signs = [-1 if flip else 1 for flip in plane.flips]
    directions = [tuple(s * v for v in axis) for s, axis in zip(signs, grid.directions, strict=True)]
    return Geometry(
        tuple(grid.shape[a] for a in order),
        tuple(grid.spacing_mm[a] for a in order),
        tuple(grid.to_world(first)),
        tuple(directions[a] for a in order),
    )


def test_a_sensitivity_can_be_chosen(net, t2, tumour):
    strict = stage(t2, predictor=net, masks={"tumour": tumour}, settings=StageSettings(threshold=0.999, tta=False))
    assert strict.finding.decision == "T2"
    open_wide = stage(t2, predictor=net, masks={"tumour": tumour}, settings=StageSettings(threshold=0.001, tta=False))
    assert open_wide.finding.decision == "T3"
    chosen = stage(t2, predictor=net, settings=StageSettings(sensitivity=0.9, tta=False)).finding
    assert chosen.tables["operating"][0]["name"] == "sensitivity 0.90"
    assert chosen.provenance.settings["sensitivity"] == 0.9


def test_without_a_predictor_masks_are_measured_and_no_stage_is_given(t2, tumour, rectum):
    staged = stage(t2, masks={"tumour": tumour, "rectum": rectum})
    assert staged.finding.decision is None
    assert staged.finding.measurement("extramural depth").value > 0
    assert (staged.evidence, staged.overlay) == (None, None)


def test_staging_without_a_network_needs_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np\n"
        "from abdominal_oncology.imaging.geometry import Geometry\n"
        "from abdominal_oncology.imaging.image import Image\n"
        "from abdominal_oncology.rectal.stage import stage\n"
        "voxels = np.random.default_rng(0).uniform(50, 200, (12, 40, 40))\n"
        "print(stage(Image(voxels, Geometry((12, 40, 40), (3, 2, 2)), 'MR')).finding.reason)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "no trained model was used" in done.stdout, done.stderr


def test_it_can_be_cancelled(net, t2):
    def stop(done, what):
        if done > 0.3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        stage(t2, predictor=net, progress=stop)
    assert stage(t2, predictor=net, box=middle(t2), settings=ONE_LOOK).finding.decision


def test_a_bundle_for_another_question_is_refused(t2):
    with pytest.raises(InvalidInputError, match="task phase, not rectal"):
        stage(t2, predictor=Predictor(Model(facts(task="phase")), "cpu", "torch"))


# what comes in instead of a proper axial T2 series


def repeated(image, count):
    grid = image.geometry
    voxels = image.voxels[np.arange(count) * grid.shape[0] // count]
    shape = (count, *grid.shape[1:])
    return moved(image, voxels=voxels, geometry=Geometry(shape, grid.spacing_mm, grid.origin_mm, grid.directions))


def test_ct_is_refused(net, t2):
    hu = (t2.voxels.astype(np.float32) * 10 - 1000).astype(np.int16)
    with pytest.raises(WrongModalityError, match="MR image is needed, not CT"):
        stage(moved(t2, voxels=hu, modality=Modality.CT), predictor=net)
    with pytest.raises(WrongModalityError, match="Hounsfield"):
        stage(moved(t2, voxels=hu, modality=Modality.OTHER), predictor=net)


def test_a_sagittal_series_is_refused(net, t2):
    with pytest.raises(InvalidInputError, match=r"sagittal, .* an axial series is needed"):
        stage(sagittal(t2), predictor=net)


def test_five_slices_are_staged_with_a_warning_and_two_are_not(net, t2):
    five = repeated(t2, 5)
    few = stage(five, predictor=net, box=middle(five), settings=ONE_LOOK)
    assert few.finding.decision
    assert "few-slices" in codes(few)
    assert len(few.finding.tables["slices"]) == 5
    with pytest.raises(InvalidInputError, match="2 slices: too few"):
        stage(repeated(t2, 2), predictor=net)


def test_two_hundred_slices_are_staged_with_a_warning(net, t2):
    small = Image(t2.voxels[:, 40:120, 40:120], t2.geometry.crop((0, 40, 40), (14, 120, 120)), "MR", t2.source)
    many = stage(repeated(small, 200), predictor=net, settings=ONE_LOOK)
    assert {"many-slices", "slices-not-seen"} <= codes(many)
    assert len(many.finding.tables["slices"]) == DEPTH


def test_a_time_series_is_refused_when_it_is_opened(tmp_path):
    import SimpleITK as sitk

    frames = [sitk.GetImageFromArray(np.full((5, 8, 8), n, np.float32)) for n in range(3)]
    sitk.WriteImage(sitk.JoinSeries(frames), str(tmp_path / "dynamic.nii.gz"))
    with pytest.raises(AbdominalOncologyError, match=r"(?i)time|axes|dimension|4"):
        stage(read_image(open_reader(tmp_path / "dynamic.nii.gz", modality="MR")))


def test_a_region_outside_or_empty_is_refused(net, t2):
    with pytest.raises(GeometryMismatchError, match="outside the volume"):
        stage(t2, predictor=net, box=Box((900.0, 0.0, 0.0), (60.0, 60.0, 40.0)))
    with pytest.raises(EmptyMaskError, match="region is empty"):
        Box((0.0, 0.0, 0.0), (60.0, 0.0, 40.0))
    empty = Image(np.zeros(t2.geometry.shape, np.uint8), t2.geometry, Modality.MASK)
    with pytest.raises(EmptyMaskError):
        stage(t2, predictor=net, masks={"tumour": empty})


def test_a_mask_of_another_grid_is_refused_even_beside_a_box(net, t2, tumour):
    shifted = moved(tumour, geometry=Geometry(tumour.geometry.shape, tumour.geometry.spacing_mm))
    with pytest.raises(GeometryMismatchError, match="another grid"):
        stage(t2, predictor=net, masks={"tumour": shifted})
    with pytest.raises(GeometryMismatchError, match="another grid"):
        stage(t2, predictor=net, masks={"tumour": shifted}, box=Box(t2.geometry.centre_mm, (60.0, 60.0, 40.0)))


def test_a_constant_image_is_refused(net, t2):
    with pytest.raises(InvalidInputError, match="shows nothing"):
        stage(moved(t2, voxels=np.full_like(t2.voxels, 7)), predictor=net)


def test_heavy_shading_is_told_and_can_be_corrected(net, t2):
    slope = np.exp(np.linspace(0, np.log(12), t2.voxels.shape[2], dtype=np.float32))
    shaded = moved(t2, voxels=t2.voxels * slope)
    assert "heavy-bias" in codes(stage(shaded, predictor=net, settings=ONE_LOOK))
    corrected = stage(shaded, predictor=net, settings=StageSettings(tta=False, bias_correction=True))
    assert "heavy-bias" not in codes(corrected)
    assert corrected.finding.provenance.settings["bias_correction"] is True


def test_a_header_that_says_diffusion_takes_the_answer_away(net, t2):
    from abdominal_oncology.imaging.image import Source

    diffusion = moved(t2, source=Source(header={"SeriesDescription": "DWI b800"}))
    staged = stage(diffusion, predictor=net, box=middle(t2), settings=ONE_LOOK)
    assert staged.finding.decision is None
    assert staged.finding.reason.startswith("cannot tell: the series is not T2-weighted")


def test_the_real_series_runs_end_to_end(shared_data, net):
    folder = shared_data / "rectal_mr_filitto"
    image = read_image(open_reader(folder / "dicom"))
    drawn = read_image(open_reader(folder / "tumour_mask.nii.gz", modality="MASK"))
    staged = stage(image, predictor=net, masks={"tumour": drawn}, settings=ONE_LOOK)
    finding = staged.finding
    held = set(np.flatnonzero(drawn.voxels.any(axis=(1, 2))))
    looked = {row["slice"] for row in finding.tables["slices"]}
    assert looked <= held  # eight of its seventeen slices, in the middle
    assert finding.measurement("tumour volume").value == pytest.approx(28.6, abs=0.1)
    assert codes(staged) <= {"slices-not-seen", "views-disagree", "unlike-training"}
    nowhere = stage(image, predictor=net, settings=ONE_LOOK)
    assert "not-t2-weighted" not in codes(nowhere)


def test_view_names_are_all_different():
    names = view_names(named_views("tta8"))
    assert len(set(names)) == 8
    assert names[0] == "as it is"
