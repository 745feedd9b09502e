"""The phase benchmark: its series is a valid one, its rivals answer, and what it calls divided is read to its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the networks need torch")
pytest.importorskip("monai", reason="the networks are monai's")

import torch

from abdominal_oncology.bench import phase, phase_rivals
from abdominal_oncology.bench.dicom import abdomen_like, write_thin_series
from abdominal_oncology.imaging.dicom import DicomReader, TransferSyntax
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.phase.classify import ClassifySettings

TINY = phase.Setting(network="resnet-18", size=32, drawn=12, copies=3, matrix=64, engine="torch", repeats=1)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads wait for each other longer than these small networks take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "series"
    write_thin_series(body(), TINY.copies, folder, TransferSyntax.RAW)
    return folder


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return phase._warm(TINY, tmp_path_factory.mktemp("cache"))


class CountingVotes(phase._Votes):
    seen = 0

    def run(self, inputs: np.ndarray, *more: Any) -> Answers:
        self.seen += len(inputs)
        return super().run(inputs, *more)


def body() -> Image:
    voxels = abdomen_like(TINY.drawn, TINY.matrix)
    return Image(voxels, Geometry(voxels.shape, (9.0, 5.0, 5.0)), Modality.CT)  # type: ignore[arg-type]


def test_a_thin_series_shows_each_slice_so_many_times(series: Path) -> None:
    reader, image = DicomReader.from_folder(series), body()
    assert reader.geometry.shape == (36, 64, 64)
    assert reader.geometry.spacing_mm == pytest.approx((3.0, 5.0, 5.0))
    np.testing.assert_array_equal(reader.read(), np.repeat(image.voxels, 3, axis=0))


def test_divided_votes_are_read_to_the_end_and_clear_ones_are_not(series: Path, predictor: Predictor) -> None:
    settings = ClassifySettings(fraction=1.0, kinetics=False)
    readings = {}
    for divided in (True, False):
        votes = CountingVotes(predictor, divided)
        phase.classify(DicomReader.from_folder(series), predictor=votes, settings=settings)  # type: ignore[arg-type]
        readings[divided] = votes.seen
    assert readings[True] == 36
    assert readings[False] < 36


@pytest.mark.parametrize("rival", ["slices", "cd-gan", "3dsenet"])
def test_rivals_answer_with_one_of_the_classes(rival: str, series: Path, predictor: Predictor) -> None:
    order = np.array([5, 0, 9])
    ways = {
        "slices": lambda: phase_rivals.per_slice(series, predictor, order),
        "cd-gan": lambda: phase_rivals.cd_gan(series, order),
        "3dsenet": lambda: phase_rivals.volume_network(series, "3dsenet"),
    }
    assert ways[rival]()() in range(4)


def test_memory_is_told_in_a_note(series: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psutil", reason="memory is measured with psutil")
    monkeypatch.setattr(phase, "_MANY", 50)
    rows = phase._memory(TINY, series, body(), predictor)
    assert [row.ours for row in rows] == [True, True]
    assert all("MB at its peak" in row.note for row in rows)


def test_only_what_is_asked_for_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[phase.Setting] = []
    monkeypatch.setattr(phase, "measure", lambda setting, only, progress: asked.append(setting) or [])
    phase.run("jpeg 2000", lambda share, stage: None)
    assert [setting.syntax for setting in asked] == [TransferSyntax.JPEG_2000]
