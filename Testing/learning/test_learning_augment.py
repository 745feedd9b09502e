"""Augmentation as a whole: what is drawn, that it can be replayed, and that labels survive it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Step
from abdominal_oncology.learning.augment import (
    OPERATIONS,
    PIPELINES,
    VIEWS,
    Choice,
    Drawn,
    Pipeline,
    apply,
    named_views,
    undo,
)

SPATIAL = [name for name, each in OPERATIONS.items() if each.changes == "geometry"]
INTENSITIES = [name for name, each in OPERATIONS.items() if each.changes == "intensity"]


def smooth(n: int, channels: int, *size: int) -> Tensor:
    """Pictures without sharp edges, different in every item, channel and slice, and not symmetric."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand((n, channels, *size[:-2], 6, 6), generator=generator)
    flat = torch.nn.functional.interpolate(coarse.flatten(0, -3)[:, None], size=size[-2:], mode="bicubic")
    return flat.reshape(n, channels, *size)


def always(*names: str, **settings: object) -> Pipeline:
    return Pipeline(tuple(Choice(name, 1.0) for name in names), **settings)  # type: ignore[arg-type]


def test_the_operations_are_those_the_project_names() -> None:
    assert set(OPERATIONS) == {
        "horizontal_flip",
        "vertical_flip",
        "rotation",
        "affine",
        "shift",
        "scale",
        "crop",
        "elastic",
        "optical_distortion",
        "grid_distortion",
        "clahe",
        "brightness",
        "contrast",
        "motion_blur",
        "median_blur",
        "gaussian_blur",
    }
    assert {name for name, each in OPERATIONS.items() if "values" in each.endangers} == {
        "clahe",
        "brightness",
        "contrast",
    }


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("size", [(40, 48), (3, 40, 48)])
def test_each_changes_something_and_keeps_the_kind_of_tensor(name: str, size: tuple[int, ...]) -> None:
    batch = smooth(3, 2, *size)
    before = batch.clone()
    result = apply(batch, always(name).draw(3, seed=1))
    assert result.shape == batch.shape
    assert result.dtype == batch.dtype
    assert torch.isfinite(result).all()
    assert all((result[row] - batch[row]).abs().max() > 1e-3 for row in range(3))
    assert torch.equal(batch, before)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_slice_of_a_volume_gets_the_same_transform(name: str) -> None:
    if name in INTENSITIES:  # the range or mean is the volume's: give all slices the same
        volume = smooth(2, 1, 40, 48)[:, :, None].repeat(1, 1, 4, 1, 1)
        volume[:, :, 1] = volume[:, :, 1].flip(-1)
        volume[:, :, 2] = volume[:, :, 2].flip(-2)
    else:
        volume = smooth(2, 1, 4, 40, 48)
    drawn = always(name).draw(2, seed=2)
    result = apply(volume, drawn)
    for k in range(4):
        assert torch.allclose(result[:, :, k], apply(volume[:, :, k], drawn), atol=1e-6)


@pytest.mark.parametrize("name", OPERATIONS)
def test_zero_strength_or_probability_is_identity(name: str) -> None:
    batch = smooth(2, 1, 20, 24)
    assert torch.equal(apply(batch, Pipeline((Choice(name, 0.0),)).draw(2, seed=0)), batch)
    if OPERATIONS[name].unit:
        assert torch.equal(apply(batch, Pipeline((Choice(name, 1.0, 0.0),)).draw(2, seed=0)), batch)


@pytest.mark.parametrize(
    "name", [name for name in OPERATIONS if OPERATIONS[name].unit and name not in ("clahe", "median_blur")]
)
def test_a_tiny_strength_is_almost_identity(name: str) -> None:
    batch = smooth(2, 1, 20, 24)
    drawn = Pipeline((Choice(name, 1.0, 1e-5),)).draw(2, seed=0)
    assert torch.allclose(apply(batch, drawn), batch, atol=1e-3)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    epoch=st.integers(0, 500),
    items=st.lists(st.integers(0, 10**6), min_size=2, max_size=5, unique=True),
    name=st.sampled_from([name for name in PIPELINES if name != "none"]),
)
def test_an_item_gets_the_same_whatever_the_batch(seed: int, epoch: int, items: list[int], name: str) -> None:
    pipeline = PIPELINES[name]
    batch = smooth(len(items), 1, 24, 24)
    together = pipeline.draw(items, seed=seed, epoch=epoch)
    result = apply(batch, together)
    for row, item in enumerate(items):
        alone = pipeline.draw([item], seed=seed, epoch=epoch)
        assert alone.items[0] == together.items[row]
        assert torch.allclose(apply(batch[row : row + 1], alone)[0], result[row], atol=1e-5)


def test_seed_epoch_and_item_each_matter() -> None:
    pipeline = always("rotation", "elastic")
    base = pipeline.draw([(3,)], seed=1, epoch=1)
    others = [
        pipeline.draw([3], seed=2, epoch=1),
        pipeline.draw([3], seed=1, epoch=2),
        pipeline.draw([4], seed=1, epoch=1),
        pipeline.draw([(3, 0)], seed=1, epoch=1),
        pipeline.draw([(3, 1)], seed=1, epoch=1),
    ]
    assert base == pipeline.draw([3], seed=1, epoch=1)
    kept = [base, *others]
    assert all(a != b for i, a in enumerate(kept) for b in kept[:i])


@pytest.mark.parametrize("name", PIPELINES)
def test_replay_is_the_same_to_the_bit_also_through_json_and_history(name: str) -> None:
    pipeline = PIPELINES[name]
    batch = smooth(6, 1, 32, 32)
    drawn = pipeline.draw(6, seed=5, epoch=2)
    first = pipeline.apply(batch, drawn)
    through_json = Drawn.from_plain(json.loads(json.dumps(drawn.to_plain())))
    written = [json.dumps({"operation": s.operation, "parameters": dict(s.parameters)}) for s in drawn.steps()]
    from_history = Drawn.from_steps([Step(**json.loads(line)) for line in written])
    assert through_json == drawn == from_history
    assert torch.equal(first, pipeline.apply(batch, drawn))
    assert torch.equal(first, apply(batch, from_history))


def test_numbers_are_drawn_as_often_and_as_strong_as_asked() -> None:
    drawn = Pipeline((Choice("rotation", 0.3, 20), Choice("median_blur", 1.0, 3))).draw(4000, seed=0)
    degrees = np.array([item["rotation"]["degrees"] for item in drawn.items if "rotation" in item])
    assert len(degrees) / 4000 == pytest.approx(0.3, abs=0.03)
    assert np.abs(degrees).max() <= 20
    assert degrees.std() == pytest.approx(20 / 3**0.5, rel=0.06)
    radii = [item["median_blur"]["radius_px"] for item in drawn.items]
    assert {radius: round(radii.count(radius) / 4000, 1) for radius in (1, 2, 3)} == {1: 0.3, 2: 0.3, 3: 0.3}


def labels(dtype: torch.dtype, *size: int) -> Tensor:
    mask = torch.zeros(2, 1, *size)
    mask[..., 8:20, 10:25] = 3
    mask[..., 12:16, 14:20] = 7
    return mask.to(dtype)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(32, 40), (3, 32, 40)])
def test_masks_keep_their_labels_and_move_with_the_picture(dtype: torch.dtype, size: tuple[int, ...]) -> None:
    masks = labels(dtype, *size)
    drawn = always(*OPERATIONS).draw(2, seed=4)
    _, moved = apply(masks.float(), drawn, masks)
    assert moved.dtype == dtype
    assert set(moved.unique().tolist()) == {0, 3, 7}
    geometry_alone = Drawn(drawn.order, tuple({k: v for k, v in i.items() if k in SPATIAL} for i in drawn.items))
    picture = apply((masks == 3).float(), geometry_alone)
    sure = (picture < 0.01) | (picture > 0.99)
    assert sure.float().mean() > 0.7
    assert torch.equal((moved == 3)[sure], (picture > 0.5)[sure])


def test_labels_too_large_for_floats_survive() -> None:
    masks = labels(torch.int64, 32, 40) + 2**40 + 1
    _, moved = apply(torch.zeros(2, 1, 32, 40), always("rotation").draw(2, seed=0), masks)
    assert set(moved.unique().tolist()) <= set(masks.unique().tolist())


def test_bool_masks_and_mask_channels() -> None:
    mask = labels(torch.bool, 32, 40)
    drawn = always("affine", "elastic", "brightness", "gaussian_blur").draw(2, seed=4)
    picture = smooth(2, 1, 32, 40)
    both = torch.cat((mask.float(), picture), dim=1)
    image, moved = apply(picture, drawn, mask)
    together = apply(both, drawn, mask_channels=[0])
    assert moved.dtype == torch.bool
    assert torch.equal(together[:, :1], moved.float())
    assert torch.equal(together[:, 1:], image)
    only = apply(mask.float(), drawn, mask_channels=[0])
    assert torch.equal(only, moved.float())


@pytest.mark.parametrize("name", INTENSITIES)
def test_intensity_never_touches_masks(name: str) -> None:
    mask = labels(torch.uint8, 32, 40)
    _, same = apply(mask.float(), always(name).draw(2, seed=0), mask)
    assert torch.equal(same, mask)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_compute_in_single(dtype: torch.dtype) -> None:
    batch = smooth(4, 1, 24, 24).to(dtype)
    drawn = always(*(name for name in OPERATIONS if name != "median_blur")).draw(4, seed=1)
    assert torch.equal(apply(batch, drawn), apply(batch.float(), drawn).to(dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(apply(batch, drawn), apply(batch.float(), drawn).to(dtype))


def test_a_batch_in_channels_last_layout_and_of_odd_shapes() -> None:
    drawn = always(*OPERATIONS).draw(2, seed=1)
    batch = smooth(2, 3, 24, 20)
    result = apply(batch.to(memory_format=torch.channels_last), drawn)
    assert torch.allclose(result, apply(batch, drawn), atol=1e-5)
    for size in ((1, 1), (1, 7), (5, 3)):
        tiny = apply(torch.rand(2, 1, *size), drawn)
        assert torch.isfinite(tiny).all()
    assert torch.equal(
        apply(torch.full((2, 1, 9, 9), 0.25), always("clahe").draw(2, seed=0)), torch.full((2, 1, 9, 9), 0.25)
    )
    assert apply(torch.zeros(0, 1, 8, 8), Drawn(("rotation",), ())).shape == (0, 1, 8, 8)


def test_it_runs_where_only_deterministic_algorithms_are_allowed() -> None:
    batch, drawn = smooth(2, 1, 24, 24), always(*OPERATIONS).draw(2, seed=1)
    expected = apply(batch, drawn)
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.equal(apply(batch, drawn), expected)
    finally:
        torch.use_deterministic_algorithms(False)


def test_on_a_gpu_it_is_the_same() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    batch, drawn = smooth(4, 1, 48, 48), always(*OPERATIONS).draw(4, seed=1)
    assert torch.allclose(apply(batch.cuda(), drawn).cpu(), apply(batch, drawn), atol=2e-3)


def test_the_augmenter_of_a_batch_source() -> None:
    batch = smooth(3, 1, 24, 24)
    augment = PIPELINES["hcc"].augmenter(seed=4)
    expected = apply(batch, PIPELINES["hcc"].draw([5, 2, 9], seed=4, epoch=1))
    assert torch.equal(augment(batch, np.array([5, 2, 9]), 1), expected)
    pairs = augment(batch, np.array([[5, 0], [5, 1], [5, 2]]), 1)
    assert torch.equal(pairs, apply(batch, PIPELINES["hcc"].draw([(5, 0), (5, 1), (5, 2)], seed=4, epoch=1)))
    assert PIPELINES["none"].augmenter(seed=4)(batch, np.array([5, 2, 9]), 1) is batch


def test_configurations() -> None:
    listed = [{"name": "rotation", "probability": "1e-1", "strength": 5}, "horizontal_flip", {"name": "clahe"}]
    pipeline = Pipeline.from_config({"operations": listed, "outside": "reflection"})
    assert pipeline.choices == (Choice("rotation", 0.1, 5), Choice("horizontal_flip", 0.5), Choice("clahe", 0.5, 3))
    assert pipeline.outside == "reflection"
    for each in (pipeline, *PIPELINES.values()):
        assert Pipeline.from_config(json.loads(json.dumps(each.to_config()))) == each
    assert Pipeline.from_config("rectal") is PIPELINES["rectal"]
    assert Pipeline.from_config([]) == PIPELINES["none"]


def test_named_pipelines_hold_what_their_papers_name() -> None:
    assert {choice.name for choice in PIPELINES["rectal"].choices} == set(OPERATIONS) - {"affine", "vertical_flip"}
    assert len(PIPELINES["rectal"].choices) == 14
    assert [choice.name for choice in PIPELINES["hcc"].choices] == [
        "horizontal_flip",
        "vertical_flip",
        "rotation",
        "affine",
    ]
    assert PIPELINES["phase"].changes == {"geometry"}
    assert PIPELINES["rectal"].changes == {"geometry", "intensity"}


def test_a_task_refuses_what_its_labels_do_not_survive() -> None:
    phase = PIPELINES["phase"]
    assert phase.keeping("values", "laterality", because="HU are the phase") is phase
    with pytest.raises(InvalidInputError, match="'clahe' does not keep values: HU are the phase"):
        PIPELINES["rectal"].keeping("values", because="HU are the phase")
    with pytest.raises(InvalidInputError, match="'horizontal_flip' does not keep laterality"):
        PIPELINES["hcc"].keeping("laterality", because="the side is the label")
    Pipeline((Choice("clahe", 0.0), Choice("brightness", 1.0, 0.0))).keeping("values", because="nothing is drawn")
    assert named_views("tta8").endangers == {"laterality"}
    assert not named_views("none").endangers


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("rectum", "no augmentation pipeline is called 'rectum'"),
        (["blur"], "no augmentation is called 'blur'"),
        ([{"name": "rotation", "probability": 1.5}], "probability of 1.5"),
        ([{"name": "rotation", "probability": float("nan")}], "probability is not a number"),
        ([{"name": "rotation", "probability": True}], "probability is not a number"),
        ([{"name": "rotation", "strength": float("nan")}], "strength is not a number"),
        ([{"name": "rotation", "strength": float("inf")}], "strength of inf"),
        ([{"name": "rotation", "strength": -1}], "strength of -1"),
        ([{"name": "rotation", "strength": "much"}], "strength is not a number: 'much'"),
        ([{"name": "horizontal_flip", "strength": 0.5}], "no strength to choose"),
        ([{"name": "median_blur", "strength": 1.5}], "not whole"),
        ([{"name": "rotation", "degrees": 3}], "'degrees' is not a setting"),
        ([{"probability": 1}], "needs a name"),
        (["rotation", "rotation"], "named twice"),
        ({"steps": []}, "'steps' is not a setting"),
        ({"operations": "rotation"}, "a name or a list"),
        ({"outside": "wrap"}, "no 'wrap'"),
        (3, "a name or a list"),
    ],
)
def test_bad_configurations_are_named(config: object, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        Pipeline.from_config(config)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"order": ["rotation"], "outside": "border"}, "lacks 'items'"),
        ({"order": ["warp"], "outside": "border", "items": []}, "no augmentation is called 'warp'"),
        ({"order": [], "outside": "border", "items": [{"rotation": {"degrees": 1}}]}, "not in the order"),
        ({"order": ["rotation"], "outside": "border", "items": [{"rotation": {}}]}, "needs degrees"),
        ({"order": ["rotation"], "outside": "border", "items": [{"rotation": {"degrees": float("nan")}}]}, "from -180"),
        ({"order": ["rotation"], "outside": "border", "items": [{"rotation": {"degrees": "x"}}]}, "not a number"),
        ({"order": ["scale"], "outside": "border", "items": [{"scale": {"factor": 0}}]}, "from 0.1 to 1.9"),
        ({"order": ["affine"], "outside": "border", "items": [{"affine": {"deviation": [0, 0]}}]}, "shape"),
        ({"order": [], "outside": "nothing", "items": []}, "no 'nothing'"),
    ],
)
def test_a_damaged_record_is_refused(values: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        Drawn.from_plain(values)


def test_wrong_tensors_are_named() -> None:
    pipeline = PIPELINES["hcc"]
    drawn = pipeline.draw(2, seed=0)
    with pytest.raises(InvalidInputError, match=r"\(n, C, H, W\)"):
        pipeline.apply(torch.zeros(2, 8, 8), drawn)
    with pytest.raises(InvalidInputError, match=r"\(n, C, H, W\)"):
        pipeline.apply(torch.zeros(2, 1, 0, 8), drawn)
    with pytest.raises(InvalidInputError, match="3 items, 2 were drawn"):
        pipeline.apply(torch.zeros(3, 1, 8, 8), drawn)
    with pytest.raises(InvalidInputError, match="floating point"):
        pipeline.apply(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), drawn)
    with pytest.raises(InvalidInputError, match="on the grid"):
        pipeline.apply(torch.zeros(2, 1, 8, 8), drawn, torch.zeros(2, 1, 8, 9))
    with pytest.raises(InvalidInputError, match="no channel 1"):
        pipeline.apply(torch.zeros(2, 1, 8, 8), drawn, mask_channels=[1])
    with pytest.raises(InvalidInputError, match="another pipeline"):
        PIPELINES["phase"].apply(torch.zeros(2, 1, 8, 8), drawn)
    with pytest.raises(InvalidInputError, match="must not be negative"):
        pipeline.draw(2, seed=-1)
    with pytest.raises(InvalidInputError, match="not augmentations"):
        Drawn.from_steps([Step("window", {})])
    with pytest.raises(InvalidInputError, match="different pipelines"):
        Drawn.from_steps([*drawn.steps(), *PIPELINES["phase"].draw(1, seed=0).steps()])


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("size", [(49, 49), (40, 56), (2, 48, 48)])
def test_views_come_back_onto_their_picture(name: str, size: tuple[int, ...]) -> None:
    views = named_views(name)
    batch = smooth(2, 1, *size)
    pictures = views.expand(batch)
    assert torch.equal(pictures[:2], batch)
    back = views.restore(pictures)
    assert back.shape == (len(views), *batch.shape)
    inner = (..., slice(14, -14), slice(18, -18))
    exact = name != "tta8" and size[-2] == size[-1]
    for each in back:
        assert torch.allclose(each[inner], batch[inner], atol=0 if exact else 0.05)
        assert not exact or torch.equal(each, batch)
    distinct = {picture.numpy().tobytes() for picture in pictures}
    assert len(distinct) == len(views) * 2


def test_views_in_use() -> None:
    views = named_views("tta8")
    assert len(views) == len(named_views("symmetries8")) == 8
    outputs = torch.arange(16.0).view(16, 1)
    assert views.mean(outputs).flatten().tolist() == [7.0, 8.0]
    assert len(views.drawn(3).steps()) == 24
    with pytest.raises(InvalidInputError, match="not a multiple of the 8 views"):
        views.mean(torch.zeros(9, 2))
    with pytest.raises(InvalidInputError, match="no set of views"):
        named_views("tta9")
    with pytest.raises(InvalidInputError, match="'elastic' cannot be undone"):
        undo(torch.zeros(1, 1, 8, 8), always("elastic").draw(1, seed=0))
