"""The phase of a CT series from its DICOM folder to the Finding, the model warm, beside other ways to tell it.

What a network answers does not change how long it takes, so its weights are random and its votes are made: divided ones
keep a vote open until all slices of the sample are read, clear ones end it as early as an easy scan does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.bench.dicom import write_thin_series
from abdominal_oncology.bench.measure import Contender, Timing, compare, each_setting
from abdominal_oncology.bench.memory import PeakMemory
from abdominal_oncology.bench.phase_rivals import cd_gan, per_slice, volume_network
from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.imaging.dicom import DicomReader, TransferSyntax, scan_folder
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.phantom.ct_study import ct_study
from abdominal_oncology.phase.classify import ClassifySettings, classify
from abdominal_oncology.phase.labels import SAMPLING_VIEW
from abdominal_oncology.phase.prepare import SlicePreparation
from abdominal_oncology.phase.sampling import random_slices
from abdominal_oncology.progress import Progress, part, silent

if TYPE_CHECKING:
    from abdominal_oncology.learning.answers import Answers
    from abdominal_oncology.learning.finding import Finding, Provenance
    from abdominal_oncology.learning.predictor import Predictor
    from abdominal_oncology.learning.runtime import EngineName, Model

_PERCENT = 30.0
_ERROR_RATE = 0.01
_MANY = 2350  # the most in the source paper
_MOST_MEMORY = "goal: less than 1500 MB"


@dataclass(frozen=True)
class Setting:
    """One series on disk: ``drawn`` phantom slices, each ``copies`` times over, and the network that looks at it."""

    syntax: TransferSyntax = TransferSyntax.RAW
    network: str = "efficientnet-b0"
    size: int = 128
    drawn: int = 30
    copies: int = 10
    matrix: int = 512
    engine: EngineName = "auto"
    repeats: int = 3

    @property
    def series(self) -> str:
        packed = self.syntax.name.lower().replace("_", " ")
        return f"{self.drawn * self.copies} slices, {packed}, {self.network} at {self.size}"

    @property
    def tasks(self) -> tuple[str, str, str]:
        return f"30 % of {self.series}", f"sequential test, {self.series}", f"memory, {_MANY} and {self.series}"


SETTINGS = (Setting(), Setting(size=224), Setting(TransferSyntax.JPEG_2000))


def run(only: str, progress: Progress) -> list[Timing]:
    """All tasks whose name contains ``only``."""
    return each_setting(SETTINGS, only, measure, progress)


def measure(setting: Setting, only: str = "", progress: Progress = silent) -> list[Timing]:
    """The tasks of one setting: its series is written into a temporary folder first."""
    progress(0.0, "drawing a phantom")
    study = ct_study(0, seconds={"portal": 75.0}, slices=setting.drawn, matrix=setting.matrix)
    image = study.images["portal"]
    with TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary) / "series"
        try:
            write_thin_series(image, setting.copies, folder, setting.syntax)
        except MissingDependencyError as missing:
            note = f"skipped: {missing.problem}"
            return [Timing(setting.tasks[0], "ours", True, None, None, None, None, None, note)]
        predictor = _warm(setting, Path(temporary))
        timings: list[Timing] = []
        for number, contenders in enumerate((_fixed_share, _sequential)):
            task, step = setting.tasks[number], part(progress, 0.2 + 0.35 * number, 0.55 + 0.35 * number)
            if only.lower() in task.lower():
                timings += compare(task, contenders(setting, folder, predictor), step)
        if only.lower() in setting.tasks[2].lower():
            timings += _memory(setting, folder, image, predictor)
        predictor.release()  # Windows deletes no file that a session holds
    return timings


def _warm(setting: Setting, cache: Path) -> Predictor:
    from abdominal_oncology.bench.prediction import FreshModel
    from abdominal_oncology.learning.bundle.facts import BundleFacts
    from abdominal_oncology.learning.predictor import Predictor
    from abdominal_oncology.tasks import load_task

    load_task("phase")  # registers the networks
    facts = BundleFacts(
        "fresh",
        "1",
        "phase",
        setting.network,
        SAMPLING_VIEW.classes,
        (1, setting.size, setting.size),
        "nothing",
        preparation=SlicePreparation(size=setting.size).to_mapping(),
    )
    model = cast("Model", FreshModel(facts))
    predictor = Predictor(model, "cpu", setting.engine, cache=cache)
    predictor.warm_up()
    return predictor


@dataclass
class _Votes:
    """A predictor that takes the time of another and votes as it is told."""

    predictor: Predictor
    divided: bool

    @property
    def model(self) -> Model:
        return self.predictor.model

    def provenance(self, **inputs: str) -> Provenance:
        return self.predictor.provenance(**inputs)

    def run(self, inputs: NDArray[Any], progress: Progress = silent, total: int | None = None) -> Answers:
        answers = self.predictor.run(inputs, progress, total)
        classes = answers.probabilities.shape[1]
        winners = np.arange(len(inputs)) % (2 if self.divided else 1)
        return replace(answers, probabilities=np.eye(classes, dtype=np.float32)[winners])


def _finding(folder: Path, predictor: Predictor, divided: bool, settings: ClassifySettings) -> Callable[[], Finding]:
    votes = cast("Predictor", _Votes(predictor, divided))
    return lambda: classify(DicomReader.from_folder(folder), predictor=votes, settings=settings)


def _fixed_share(setting: Setting, folder: Path, predictor: Predictor) -> Sequence[Contender]:
    settings = ClassifySettings(fraction=_PERCENT / 100, kinetics=False)
    order = random_slices(setting.drawn * setting.copies, _PERCENT, settings.seed)
    inputs = np.random.default_rng(0).integers(0, 256, (len(order), 1, setting.size, setting.size), dtype=np.uint8)
    rows = [
        Contender("ours, the vote open to its end", _finding(folder, predictor, True, settings), ours=True),
        Contender("network part alone", lambda: predictor.run(inputs)),
        Contender("headers alone, ours", lambda: scan_folder(folder)),
        Contender("ours, a vote that is soon certain", _finding(folder, predictor, False, settings)),
        Contender("ours, with kinetics", _finding(folder, predictor, True, replace(settings, kinetics=True))),
        Contender("pydicom, monai per slice, torch eager", per_slice(folder, predictor, order)),
        Contender("CD-GAN, torch", cd_gan(folder, order)),
    ]
    return [replace(row, repeats=setting.repeats) for row in rows]


def _sequential(setting: Setting, folder: Path, predictor: Predictor) -> Sequence[Contender]:
    """Against networks that need the whole scan, or twenty slices of it, before they answer."""
    settings = ClassifySettings(fraction=_PERCENT / 100, kinetics=False, sequential_error=_ERROR_RATE)
    rows = [
        Contender("ours", _finding(folder, predictor, False, settings), ours=True),
        Contender("3DSENet, all slices, torch", volume_network(folder, "3dsenet")),
        Contender("3-D ResNet-50, 20 slices, torch", volume_network(folder, "resnet-50-3d", slices=20)),
    ]
    return [replace(row, repeats=setting.repeats) for row in rows]


class _Repeated(ArrayReader):
    """A long scan that is never whole in memory: every slice of an image as often as needed."""

    def __init__(self, image: Image, count: int) -> None:
        super().__init__(image)
        self.count = count

    @property
    def geometry(self) -> Geometry:
        own = super().geometry
        step = (own.spacing_mm[0] * own.shape[0] / self.count, *own.spacing_mm[1:])
        return Geometry((self.count, *own.shape[1:]), step, own.origin_mm, own.directions)

    def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
        wanted = range(self.count) if slices is None else slices
        drawn = super().geometry.shape[0]
        return super().read([int(k) * drawn // self.count for k in wanted])


def _memory(setting: Setting, folder: Path, image: Image, predictor: Predictor) -> list[Timing]:
    """What a classification needs at its peak beyond what the process held before, kinetics included."""
    settings = ClassifySettings(fraction=_PERCENT / 100)
    votes = cast("Predictor", _Votes(predictor, True))
    readers: dict[str, Callable[[], Any]] = {
        f"ours, {setting.drawn * setting.copies} slices on disk": lambda: DicomReader.from_folder(folder),
        f"ours, {_MANY} slices made as they are read": lambda: _Repeated(image, _MANY),
    }
    timings = []
    for name, reader in readers.items():
        peak: list[str] = []

        def work(reader: Callable[[], Any] = reader, peak: list[str] = peak) -> None:
            with PeakMemory(peak):
                classify(reader(), predictor=votes, settings=settings)

        (row,) = compare(setting.tasks[2], [Contender(name, work, ours=True, repeats=1)])
        timings.append(replace(row, note=row.note or f"{peak[0]}; {_MOST_MEMORY}"))
    return timings
