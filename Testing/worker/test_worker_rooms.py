"""The jobs ``hcc`` and ``rectal`` say what their rooms say; their maps come back where they lie in the patient."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from worker_tools import timeless

from abdominal_oncology.errors import AbdominalOncologyError, EmptyMaskError, MissingInputError, WrongModalityError
from abdominal_oncology.hcc.analyze import examine
from abdominal_oncology.hcc.case import MultiphaseCase
from abdominal_oncology.hcc.lirads.assessment import Assessment
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.learning.bundle import NO_BUNDLE
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.rectal.located import locate_box
from abdominal_oncology.rectal.phantom import rectal_phantom
from abdominal_oncology.rectal.stage import StageSettings, stage
from abdominal_oncology.worker.client import WorkerClient
from abdominal_oncology.worker.in_process import InProcess
from abdominal_oncology.worker.jobs import JOBS, get_ready
from abdominal_oncology.worker.jobs.hcc import LiverStudy, hcc_request
from abdominal_oncology.worker.jobs.rectal import OVERLAY, rectal_request
from abdominal_oncology.worker.jobs.rectal_locate import found_of, locate_request
from abdominal_oncology.worker.models import Models

TOLD = FindingWarning("sequence-frame", "one frame of a sequence")


@pytest.fixture(scope="module")
def client() -> Iterator[WorkerClient]:
    with WorkerClient(InProcess()) as made:
        yield made


@dataclass(frozen=True)
class Liver:
    """A ball of a liver with two balls as lesions, in three phases."""

    phases: dict[str, Image]
    liver: Image
    lesions: dict[str, Image]

    @classmethod
    def make(cls) -> Liver:
        grid = Geometry((32, 56, 60), (4.0, 3.0, 3.0), (-90.0, -84.0, 0.0))
        points = grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
        rng = np.random.default_rng(0)

        def ball(centre: tuple[float, float, float], radius: float) -> Any:
            return np.square(points - centre).sum(axis=-1) < radius**2

        inside = {"one": ball((-20.0, 0.0, 60.0), 12.0), "two": ball((25.0, 5.0, 66.0), 9.0)}
        liver = ball((0.0, 0.0, 62.0), 52.0)
        phases = {}
        for role, (organ, lesion) in {"arterial": (75, 115), "portal": (108, 92), "delayed": (88, 68)}.items():
            voxels = np.where(liver, organ, -100) + rng.normal(0, 8, grid.shape)
            for mask in inside.values():
                voxels[mask] += lesion - organ
            source = Source(f"liver/{role}", "P1", "1.2", f"1.2.{role}")
            phases[role] = Image(voxels.astype(np.int16), grid, Modality.CT, source)
        masks = {name: Image(mask.astype(np.uint8), grid, Modality.MASK) for name, mask in inside.items()}
        return cls(phases, Image(liver.astype(np.uint8), grid, Modality.MASK), masks)

    def study(self, **changes: Any) -> LiverStudy:
        readers = {role: ArrayReader(image) for role, image in self.phases.items()}
        lesions = {name: ArrayReader(mask) for name, mask in self.lesions.items()}
        parts: dict[str, Any] = {
            "name": "study",
            "phases": readers,
            "livers": {"portal": ArrayReader(self.liver)},
            "lesions": lesions,
        }
        return LiverStudy(**{**parts, **changes})

    def case(self, **changes: Any) -> MultiphaseCase:
        return MultiphaseCase.of(**self.phases, liver=self.liver, lesions=self.lesions, name="study", **changes)


@pytest.fixture(scope="module")
def liver() -> Liver:
    return Liver.make()


def test_lesions_are_answered_as_by_the_room_itself(client: WorkerClient, liver: Liver) -> None:
    said = {
        "population": Population.of("hbv", age_years=50.0),
        "imaged_on": date(2024, 5, 1),
        "overrides": {"one": {"capsule": "present", "size_mm": 25}, "two": {"aphe": Assessment("nonrim")}},
    }
    priors = {"two": PriorSize(10.0, on=date(2023, 12, 1))}
    result = client.run(hcc_request(liver.study(priors=priors, warnings=(TOLD,)), bundle=NO_BUNDLE, **said))  # type: ignore[arg-type]
    direct = examine(liver.case(priors=priors).with_warnings([TOLD]), **said)  # type: ignore[arg-type]
    assert [timeless(each) for each in result.findings] == [timeless(each) for each in direct.findings]
    assert [each.subject for each in result.findings] == ["one", "two"]
    assert all(each.has_warning("sequence-frame") for each in result.findings)
    expected = {f"{each.name}/{name}": image for each in direct.measured for name, image in each.maps().items()}
    assert expected
    assert set(result.images) == set(expected)
    for name, image in result.images.items():
        assert np.array_equal(image.voxels, expected[name].voxels, equal_nan=True)
        assert image.geometry == expected[name].geometry
        assert image.modality == expected[name].modality


def test_one_label_map_holds_all_lesions(client: WorkerClient, liver: Liver) -> None:
    voxels = sum((n * mask.voxels for n, mask in enumerate(liver.lesions.values(), start=1)), np.uint8(0))
    labels = Image(np.asarray(voxels, np.uint8), liver.liver.geometry, Modality.MASK)
    request = hcc_request(liver.study(lesions=ArrayReader(labels)), bundle=NO_BUNDLE, maps=False)
    result = client.run(request)
    assert [each.subject for each in result.findings] == ["lesion 1", "lesion 2"]
    assert not result.images


def test_what_a_liver_study_lacks_is_named(client: WorkerClient, liver: Liver) -> None:
    without = {role: reader for role, reader in liver.study().phases.items() if role != "portal"}
    with pytest.raises(MissingInputError, match="the portal phase is missing"):
        client.run(hcc_request(liver.study(phases=without), bundle=NO_BUNDLE))
    with pytest.raises(MissingInputError, match="the liver's outline is missing"):
        client.run(hcc_request(liver.study(livers={}), bundle=NO_BUNDLE))
    with pytest.raises(EmptyMaskError):
        client.run(hcc_request(liver.study(lesions={}), bundle=NO_BUNDLE))


@pytest.fixture(scope="module")
def t2() -> Image:
    return rectal_phantom(1, stage="T3", matrix=112, slices=12).images["t2"]


def test_a_volume_is_staged_as_by_the_room_itself(client: WorkerClient, t2: Image) -> None:
    box = Box(tuple(t2.geometry.centre_mm), (80.0, 80.0, 60.0))
    settings = StageSettings(tta=False)
    mask = np.zeros(t2.geometry.shape, np.uint8)
    mask[5:8, 50:60, 50:60] = 1
    tumour = Image(mask, t2.geometry, Modality.MASK)
    request = rectal_request(
        "the rectum",
        ArrayReader(t2),
        masks={"tumour": ArrayReader(tumour)},
        box=box,
        bundle=NO_BUNDLE,
        settings=settings,
        warnings=[TOLD],
    )
    (found,) = client.run(request).findings
    direct = stage(t2, box=box, masks={"tumour": tumour}, settings=settings, warnings=[TOLD]).finding
    assert timeless(found) == timeless(replace(direct, subject="the rectum"))
    ct = replace(t2, modality=Modality.CT)
    with pytest.raises(WrongModalityError):
        client.run(rectal_request("ct", ArrayReader(ct), bundle=NO_BUNDLE))


def test_a_rectum_is_located_as_by_the_room_itself(client: WorkerClient, t2: Image) -> None:
    found = found_of(client.run(locate_request(ArrayReader(t2))))
    direct = locate_box(t2)
    assert (found.box, found.confidence) == (direct.box, direct.confidence)
    assert found.doubts == tuple(each.message for each in direct.doubts)


def test_masks_may_lie_on_grids_of_their_own(client: WorkerClient, t2: Image) -> None:
    start, stop = (5, 50, 50), (8, 60, 60)
    part = Image(np.ones((3, 10, 10), np.uint8), t2.geometry.crop(start, stop), Modality.MASK)
    whole = np.zeros(t2.geometry.shape, np.uint8)
    whole[5:8, 50:60, 50:60] = 1
    said = []
    for mask in (part, Image(whole, t2.geometry, Modality.MASK)):
        request = rectal_request("r", ArrayReader(t2), masks={"tumour": ArrayReader(mask)}, bundle=NO_BUNDLE)
        said.append(client.run(request).findings[0])
    assert said[0].measurements
    assert timeless(said[0]) == timeless(said[1])
    far = Geometry((3, 10, 10), t2.geometry.spacing_mm, (900.0, 0.0, 0.0))
    elsewhere = Image(np.ones((3, 10, 10), np.uint8), far, Modality.MASK)
    request = rectal_request("r", ArrayReader(t2), masks={"tumour": ArrayReader(elsewhere)}, bundle=NO_BUNDLE)
    assert client.run(request).findings[0].has_warning("segment-empty")


def test_the_activation_map_comes_on_the_grid_of_the_volume(
    client: WorkerClient, t2: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch", reason="the network needs torch")
    pytest.importorskip("monai", reason="the network is monai's")
    from abdominal_oncology.learning.networks import find_network
    from abdominal_oncology.learning.predictor import Predictor
    from abdominal_oncology.rectal import networks  # noqa: F401  importing registers them

    torch.manual_seed(0)  # some random networks see nothing anywhere

    @dataclass(frozen=True)
    class Untrained:
        facts: BundleFacts
        sha256: str = ""
        weights_sha256: str = ""
        onnx_path: None = None

        def network(self) -> Any:
            return find_network("rectal", self.facts.network).build(2, **self.facts.network_options).eval()

    facts = BundleFacts(
        "untrained",
        "1.0.0",
        "rectal",
        "f-rmc5",
        ("T2", "T3"),
        (2, 8, 32, 32),
        "nothing",
        {"aggregation": "bilinear", "filters": 4},
        {"size": 32, "depth": 8},
    )
    predictor = Predictor(Untrained(facts), "cpu", "torch")
    monkeypatch.setattr(Models, "predictor", lambda self, *asked: (predictor, ()))
    result = client.run(rectal_request("r", ArrayReader(t2), settings=StageSettings(tta=False)))
    overlay = result.images[OVERLAY]
    assert overlay.geometry.same_grid(t2.geometry)
    assert float(overlay.voxels.max()) > 0
    assert result.findings[0].provenance.bundle == "untrained"


@pytest.mark.parametrize("task", ["phase", "hcc", "rectal"])
def test_every_question_can_be_made_ready(task: str) -> None:
    assert get_ready(task) == import_module(f"abdominal_oncology.{task}.bundles").BUNDLES
    assert task in JOBS


def test_asking_is_light() -> None:
    """A panel asks in the thread of its window, which must not stand still for an import."""
    program = (
        "import sys\n"
        "import abdominal_oncology.worker.client, abdominal_oncology.worker.launch\n"
        "from abdominal_oncology.worker.jobs import hcc, phase, rectal, warm\n"
        "sys.exit(' '.join(sys.modules.keys() & {'scipy', 'SimpleITK', 'pydicom', 'torch'}) or 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_some_settings_may_be_given(client: WorkerClient, t2: Image) -> None:
    request = rectal_request("r", ArrayReader(t2), bundle=NO_BUNDLE, settings={"bias_correction": False})
    whole = rectal_request("r", ArrayReader(t2), bundle=NO_BUNDLE, settings=StageSettings(bias_correction=False))
    some, all_ = (client.run(each).findings[0] for each in (request, whole))
    assert timeless(some) == timeless(all_)
    with pytest.raises(AbdominalOncologyError, match="settings of the stage: unknown speed"):
        client.run(rectal_request("r", ArrayReader(t2), settings={"speed": 1}))
