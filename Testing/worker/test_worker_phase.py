"""The phase job says what ``classify`` says, in a process and without; only the slices that were looked at cross."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from worker_tools import CountingReader, timeless

from abdominal_oncology.errors import Cancelled, ChangedFileError, InvalidInputError, MissingInputError
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader
from abdominal_oncology.learning.bundle import NO_BUNDLE
from abdominal_oncology.learning.bundle.load import load_bundle
from abdominal_oncology.learning.bundle.store import installed_store
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.phantom.ct_study import ct_study
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.phase.classify import ClassifySettings, classify
from abdominal_oncology.phase.measure_regions import measure_points
from abdominal_oncology.phase.region_hu import RegionHU
from abdominal_oncology.phase.trusted_reader import TrustedReader
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.worker.client import WorkerClient
from abdominal_oncology.worker.in_process import InProcess
from abdominal_oncology.worker.jobs.phase import Series, phase_request
from abdominal_oncology.worker.jobs.warm import warm_request
from abdominal_oncology.worker.models import Models
from abdominal_oncology.worker.process_transport import ProcessTransport

SHIPPED = "phase-efficientnet-b0"
needs_network = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("torch", "monai", "safetensors")),
    reason="networks need torch, monai and safetensors",
)


@pytest.fixture(scope="module")
def study() -> Phantom:
    return ct_study(
        3, seconds={"arterial": 38.0, "venous": 78.0}, matrix=112, spacing_mm=(12.0, 3.5, 3.5), noise_hu=8.0
    )


@pytest.fixture(scope="module")
def venous(study: Phantom) -> Image:
    return study.images["venous"]


@pytest.fixture(scope="module")
def process() -> Iterator[WorkerClient]:
    with WorkerClient(ProcessTransport()) as client:
        yield client


@pytest.fixture(scope="module")
def here() -> Iterator[WorkerClient]:
    with WorkerClient(InProcess()) as client:
        yield client


def case_of(name: str, reader: SliceReader) -> Case:
    return Case(name, reader.source.patient_id, reader.source.study_uid, {"ct": reader})


def test_a_process_finds_what_a_direct_call_finds(process: WorkerClient, study: Phantom) -> None:
    readers = {name: CountingReader(image) for name, image in study.images.items()}
    series = [Series(name, reader) for name, reader in readers.items()]
    result = process.run(phase_request(series, bundle=NO_BUNDLE))
    direct = [classify(case_of(name, ArrayReader(image))) for name, image in study.images.items()]
    assert [timeless(each) for each in result.findings] == [timeless(each) for each in direct]
    assert [each.decision for each in result.findings] == ["arterial", "venous"]
    for n, (reader, found) in enumerate(zip(readers.values(), result.findings, strict=True)):
        looked_at = {row["slice"] for row in found.tables["slices"]}
        assert set(reader.asked) == looked_at
        assert len(reader.asked) == len(looked_at), "no slice crosses twice"
        assert result.facts["slices_read"][f"ct {n}"] == len(looked_at)


def test_without_a_process_it_is_the_same(here: WorkerClient, venous: Image) -> None:
    settings = ClassifySettings(regions_given=(RegionHU("aorta", 140.0, 8.0), RegionHU("liver", 108.0, 6.0)))
    seen: list[float] = []
    request = phase_request([Series("v", ArrayReader(venous))], bundle=NO_BUNDLE, settings=settings)
    (found,) = here.run(request, lambda fraction, stage: seen.append(fraction)).findings
    assert timeless(found) == timeless(classify(case_of("v", ArrayReader(venous)), settings=settings))
    assert seen[-1] == 1.0
    assert seen == sorted(seen)


def test_a_segmentation_and_points_are_measured_there(here: WorkerClient, study: Phantom, venous: Image) -> None:
    labels = study.labels["venous"]
    liver = np.argwhere(labels.voxels == 5)
    middle = [tuple(venous.geometry.to_world(liver[len(liver) // 2]))]
    segmented = Series("s", ArrayReader(venous), labels=ArrayReader(labels), label_names=study.label_names)
    pointed = Series("p", ArrayReader(venous), points={"liver": middle})
    strayed = Series("q", ArrayReader(venous), points={"liver": [(9e3, 0.0, 0.0)]})
    settings = ClassifySettings(kinetics=True)
    by_labels, by_points, astray = here.run(
        phase_request([segmented, pointed, strayed], bundle=NO_BUNDLE, settings=settings)
    ).findings
    direct = classify(case_of("s", ArrayReader(venous)), segmentation=labels, segment_names=study.label_names)
    assert timeless(by_labels) == timeless(direct)
    regions = measure_points(TrustedReader(ArrayReader(venous)), {"liver": middle})
    direct = classify(case_of("p", ArrayReader(venous)), settings=replace(settings, regions_given=regions))
    assert timeless(by_points) == timeless(direct)
    assert astray.has_warning("points-unusable")
    assert astray.decision == "venous", "regions were found automatically"


def test_a_series_that_cannot_be_classified_stops_no_other(here: WorkerClient, venous: Image) -> None:
    mr = replace(venous, modality=Modality.MR)
    told = FindingWarning("sequence-frame", "one frame of a sequence")
    series = [Series("mr", ArrayReader(mr), warnings=(told,)), Series("ct", ArrayReader(venous))]
    settings = ClassifySettings(regions_given=(RegionHU("aorta", 140.0, 8.0),))
    wrong, right = here.run(phase_request(series, bundle=NO_BUNDLE, settings=settings)).findings
    assert wrong.decision is None
    assert wrong.has_warning("not-classified")
    assert wrong.warnings[-1] == told
    assert right.decision is not None
    assert not right.has_warning("sequence-frame")


def test_wrong_requests_are_named(here: WorkerClient, venous: Image) -> None:
    with pytest.raises(MissingInputError, match="no volume was given"):
        phase_request([])
    with pytest.raises(InvalidInputError, match="a point needs"):
        phase_request([Series("a", ArrayReader(venous), points={"liver": [(1.0, 2.0)]})])
    request = phase_request([Series("a", ArrayReader(venous))], bundle=NO_BUNDLE)
    wrong = replace(request, settings={**request.settings, "speed": 3})
    with pytest.raises(Exception, match="settings of the job phase is no _Settings: unknown speed"):
        here.run(wrong)
    with pytest.raises(MissingInputError, match="no image 'ct 0'"):
        here.run(replace(request, images={}))


def test_a_click_on_cancel_while_slices_are_read(process: WorkerClient, venous: Image) -> None:
    class Slow(ArrayReader):
        def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
            job.cancel()
            return super().read(slices)

    job = process.submit(phase_request([Series("v", Slow(venous))], bundle=NO_BUNDLE))
    with pytest.raises(Cancelled):
        process.wait(job)


def test_a_model_that_is_not_there_is_missed_only_by_name(here: WorkerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="without torch a name is refused for another reason")
    with pytest.raises(MissingInputError, match="no bundle called 'nothing'"):
        here.run(warm_request("phase", "nothing"))
    assert here.run(warm_request("phase", NO_BUNDLE)).facts["bundle"] is None
    with pytest.raises(InvalidInputError, match="not 'rectal'"):
        here.run(warm_request("rectal", SHIPPED))


def test_without_torch_the_kinetics_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abdominal_oncology.worker.models.find_spec", lambda name: None)
    predictor, warnings = Models().predictor("phase", None, ())
    assert predictor is None
    assert [each.code for each in warnings] == ["no-network"]
    with pytest.raises(Exception, match="a network needs PyTorch"):
        Models().predictor("phase", SHIPPED, ())


@needs_network
def test_a_bundle_is_looked_at_again_once_a_file_of_it_has_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shipped = next(entry for entry in installed_store().list() if entry.name == SHIPPED).path
    own = tmp_path / "bundles" / shipped.name
    shutil.copytree(shipped, own)
    monkeypatch.setenv("ABDOMINAL_ONCOLOGY_BUNDLES", str(own.parent))
    opened: list[Path] = []
    monkeypatch.setattr(
        "abdominal_oncology.learning.bundle.store.load_bundle",
        lambda path, **asked: opened.append(path) or load_bundle(path, **asked),
    )
    models = Models()
    first, _ = models.predictor("phase", SHIPPED, (), "cpu")
    assert models.predictor("phase", SHIPPED, (), "cpu")[0] is first
    assert models.predictor("phase", str(own), (), "cpu")[0] is first  # another name for the same
    assert opened == [own, own]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    aside = Path(shutil.copytree(own, tmp_path / "work" / own.name)).relative_to(tmp_path)
    for _ in range(2):
        assert models.predictor("phase", str(aside), (), "cpu")[0] is first
    assert opened == [own, own, aside]
    for place in (own, aside):
        weights = next(place.rglob("*.safetensors"))
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    for name in (SHIPPED, str(own), str(aside)):
        with pytest.raises(ChangedFileError):
            models.predictor("phase", name, (), "cpu")
    shutil.rmtree(own)
    assert models.predictor("phase", SHIPPED, (), "cpu")[0] is first  # the shipped one has the same weights


@needs_network
def test_the_second_click_pays_for_no_model(process: WorkerClient, venous: Image) -> None:
    """Loaded ahead by ``warm``, used by two jobs; the network's answer is that of a direct call."""
    facts = process.run(warm_request("phase", SHIPPED, "cpu")).facts
    assert (facts["bundle"], facts["device"]) == (SHIPPED, "cpu")
    settings = ClassifySettings(fraction=0.1, kinetics=False)
    request = phase_request([Series("v", ArrayReader(venous))], bundle=SHIPPED, device="cpu", settings=settings)
    stages: list[str] = []
    found = [process.run(request, lambda fraction, stage: stages.append(stage)).findings[0] for _ in range(2)]
    assert timeless(found[0]) == timeless(found[1])
    assert "loading the model" not in stages
    assert sum("PyTorch is there" in line.text for line in process.log) == 1
    predictor, _ = Models().predictor("phase", SHIPPED, (), "cpu")
    direct = classify(case_of("v", ArrayReader(venous)), predictor=predictor, settings=settings)
    assert found[0].decision == direct.decision
    assert found[0].probabilities == pytest.approx(direct.probabilities, abs=1e-5)
    assert found[0].provenance.weights_sha256 == direct.provenance.weights_sha256 != ""
    assert found[0].tables["slices"] == direct.tables["slices"]
