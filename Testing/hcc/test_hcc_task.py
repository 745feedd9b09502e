"""The hcc task as the learning layer uses it: cases to patches and measurements, answers to findings, manifests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from liver_scene import LiverScene

torch = pytest.importorskip("torch")

from abdominal_oncology.cli import main  # noqa: E402
from abdominal_oncology.errors import InvalidInputError, MissingInputError  # noqa: E402
from abdominal_oncology.hcc.lesion_input import PUBLISHED  # noqa: E402
from abdominal_oncology.hcc.questions import FEATURES  # noqa: E402
from abdominal_oncology.hcc.task import TASK, multiphase_case  # noqa: E402
from abdominal_oncology.hcc.training import default_recipe  # noqa: E402
from abdominal_oncology.imaging.image import Image  # noqa: E402
from abdominal_oncology.learning.answers import Answers  # noqa: E402
from abdominal_oncology.learning.bundle.facts import BundleFacts  # noqa: E402
from abdominal_oncology.learning.case import Case  # noqa: E402
from abdominal_oncology.learning.finding import Provenance  # noqa: E402
from abdominal_oncology.learning.from_manifest import labelled_cases, store_of_manifest  # noqa: E402
from abdominal_oncology.learning.manifest import parse_manifest  # noqa: E402
from abdominal_oncology.learning.samples import Samples  # noqa: E402
from abdominal_oncology.learning.task import AsksMore  # noqa: E402
from abdominal_oncology.tasks import load_task  # noqa: E402

PREPARATION = PUBLISHED.to_mapping()
SCENE = LiverScene(spacing_mm=(3.0, 2.0, 2.0), shape=(48, 80, 92))


def case(*phases: str, lesions: Image | None = None, name: str = "7") -> Case:
    images = {role: SCENE.image(role) for role in phases or ("arterial", "portal", "delayed")}
    return Case.of_images(name, images, {"liver": SCENE.liver_mask(), "lesions": lesions or SCENE.lesion_mask()})


def two_lesions() -> Image:
    first = SCENE.lesion_mask()
    other = LiverScene(spacing_mm=SCENE.spacing_mm, shape=SCENE.shape, centre_mm=(-40.0, -20.0, -5.0), lesion_mm=14.0)
    labels = first.voxels + 2 * other.lesion(other.points(other.grid)).astype(np.uint8)
    return first.derive("two", voxels=labels)


def facts(network: str = "quartet") -> BundleFacts:
    return BundleFacts("hcc-x", "1.0.0", "hcc", network, ("other", "hcc"), (4, 24, 96, 96), "nothing")


@pytest.fixture(scope="module")
def samples() -> Samples:
    return TASK.samples(case(lesions=two_lesions()), PREPARATION)


def test_each_lesion_gives_a_patch_and_its_measurements(samples):
    assert samples.inputs.shape == (2, 4, 24, 96, 96)
    assert samples.inputs.dtype == np.uint8
    assert [each.name for each in samples.context.measured] == ["lesion 1", "lesion 2"]
    for inputs, measured in zip(samples.inputs, samples.context.measured, strict=True):
        mask = inputs[3] > 0
        assert mask[12, 48, 48]  # the lesion is in the middle
        volume = mask.sum() * 2.0 * 0.76 * 0.76
        assert volume == pytest.approx(measured.volume_mm3, rel=0.15)
    lesion = samples.inputs[0][:3, samples.inputs[0, 3] > 0].astype(float)
    hu = np.median(lesion, axis=1) / 255 * 350 - 100
    assert hu == pytest.approx([SCENE.lesion_hu[role] for role in ("arterial", "portal", "delayed")], abs=4)


def test_answers_become_a_finding_with_a_part_for_each_lesion(samples):
    features = np.array([[3.0, 1, -1, 2, 0.5], [-3.0, -1, -1, -2, 0.5]], np.float32)
    logits = np.stack([-features[:, 0], features[:, 0]], axis=1) / 2
    answers = Answers(logits, np.array([[0.05, 0.95], [0.95, 0.05]], np.float32), features)
    finding = TASK.decide(case(lesions=two_lesions()), samples, answers, facts(), Provenance("test"))
    assert [part.subject for part in finding.parts] == ["lesion 1", "lesion 2"]
    chance = [part.probabilities["hcc"] for part in finding.parts]
    assert chance == pytest.approx([1 / (1 + math.exp(-3)), 1 / (1 + math.exp(3))], abs=1e-5)
    assert finding.decision == "hcc"


def test_a_network_for_hcc_alone_answers_with_its_calibrated_probability(samples):
    answers = Answers(
        np.zeros((2, 2), np.float32), np.array([[0.3, 0.7], [0.8, 0.2]], np.float32), np.zeros((2, 128), np.float32)
    )
    finding = TASK.decide(case(lesions=two_lesions()), samples, answers, facts("tiny"), Provenance("test"))
    assert [part.probabilities["hcc"] for part in finding.parts] == pytest.approx([0.7, 0.2])


def test_without_a_delayed_phase_no_network_is_asked():
    with pytest.raises(MissingInputError, match="no usable delayed phase") as told:
        TASK.samples(case("arterial", "portal"), PREPARATION)
    assert "measured features" in told.value.remedy
    assert "case 7" in str(told.value)


def test_a_lesion_that_cannot_be_asked_about_does_not_silence_the_others():
    tiny = SCENE.lesion_mask()
    labels = tiny.voxels.copy()
    labels[24, 30, 30] = 2
    samples = TASK.samples(case(lesions=tiny.derive("two", voxels=labels)), PREPARATION)
    assert len(samples.inputs) == 1
    features = np.array([[2.0, 0, 0, 0, 1]], np.float32)
    answers = Answers(np.zeros((1, 2), np.float32), np.full((1, 2), 0.5, np.float32), features)
    finding = TASK.decide(case(), samples, answers, facts(), Provenance("test"))
    first, second = finding.parts
    assert first.decision == "hcc"
    assert second.decision is None
    assert "no-network" in {each.code for each in second.warnings}


def test_a_training_case_has_one_lesion():
    one = TASK.training_samples(case(), PREPARATION)
    assert one.inputs.shape == (1, 4, 24, 96, 96)
    assert one.context.name == "lesion 1"
    with pytest.raises(InvalidInputError, match="2 lesions are outlined") as told:
        TASK.training_samples(case(lesions=two_lesions()), PREPARATION)
    assert "row of its own" in told.value.remedy


def test_masks_become_the_case_they_name():
    full = case()
    arterial = SCENE.liver_mask("arterial")
    more = Case.of_images(
        "8",
        {role: SCENE.image(role) for role in ("arterial", "portal", "delayed", "non-contrast")},
        {
            "liver": SCENE.liver_mask(),
            "liver.arterial": arterial,
            "gallbladder": SCENE.lesion_mask(),
            "lesions": SCENE.lesion_mask(),
        },
    )
    made = multiphase_case(more)
    assert set(made.roles) == {"non-contrast", "arterial", "portal", "delayed"}
    assert set(made.livers) == {"portal", "arterial"}
    assert set(made.organs) == {"gallbladder"}
    bare = Case("9", images=full.images, masks={"liver": full.masks["liver"]})
    with pytest.raises(MissingInputError, match="lesions' outline is missing"):
        multiphase_case(bare)


def test_it_can_be_asked_for_features_and_others_cannot():
    assert isinstance(TASK, AsksMore)
    assert TASK.asked(TASK.recipe(), "ec").classes == ("absent", "present")
    assert not isinstance(load_task("phase"), AsksMore)
    assert main(["train", "phase", "--phantoms", "4", "--question", "npw", "--output", "nowhere"]) != 0


# -- manifests ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """One study on disk; three rows of a manifest speak of it as of three patients."""
    import SimpleITK

    folder = tmp_path_factory.mktemp("study")

    def write(image: Image, name: str) -> None:
        made = SimpleITK.GetImageFromArray(np.asarray(image.voxels))
        made.SetSpacing(tuple(reversed(image.geometry.spacing_mm)))
        made.SetOrigin(image.geometry.origin_mm)
        SimpleITK.WriteImage(made, str(folder / f"{name}.nrrd"))

    for role in ("arterial", "portal", "delayed"):
        write(SCENE.image(role), role)
    write(SCENE.liver_mask(), "liver")
    write(SCENE.lesion_mask(), "lesions")
    return folder


def manifest(folder, *labels: str):
    head = "case,patient,image.arterial,image.portal,image.delayed,mask.liver,mask.lesions,"
    head += "label.hcc,label.aphe,label.ec,label.npw"
    files = "arterial.nrrd,portal.nrrd,delayed.nrrd,liver.nrrd,lesions.nrrd"
    rows = [f"c{n},p{n},{files},{each}" for n, each in enumerate(labels)]
    return parse_manifest("\n".join([head, *rows]), folder)


def test_the_label_rows_of_a_manifest_hold_what_is_asked_besides(study, tmp_path):
    recipe = default_recipe("guided")
    told = manifest(study, "hcc,present,absent,", "other,absent,absent,present")
    store = store_of_manifest(told, TASK, recipe, tmp_path / "store")
    assert store.has_rows
    expected = [[0, 1, 1, 0, np.nan], [1, 0, 0, 0, 1]]
    np.testing.assert_array_equal(store.rows, expected)
    assert store.preparation["also"] == list(FEATURES)
    facts, cases = labelled_cases(told, TASK, recipe)
    assert facts == store.preparation
    assert [each.samples.context.name for each in cases] == ["lesion 1", "lesion 1"]


def test_another_question_has_its_own_column(study, tmp_path):
    told = manifest(study, "hcc,present,absent,", "other,absent,absent,present", "other,absent,absent,absent")
    store = store_of_manifest(told, TASK, TASK.asked(default_recipe(), "npw"), tmp_path / "store")
    assert [(each.case, each.label) for each in store.cases] == [("c1", "present"), ("c2", "absent")]


def test_a_label_that_is_neither_is_told_with_its_place(study, tmp_path):
    told = manifest(study, "hcc,maybe,absent,", "other,absent,absent,")
    with pytest.raises(InvalidInputError, match="'maybe' is not absent or present"):
        store_of_manifest(told, TASK, default_recipe("guided"), tmp_path)
