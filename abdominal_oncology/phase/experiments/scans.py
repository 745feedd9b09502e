"""Phantom scans that the experiments train and test on, and the stores they are prepared into.

Two makers: many slices at random levels from few anatomies (:func:`slice_scans`), and whole studies with regular
slices, artefacts and a geometry (:func:`study_scans`). Labels of the test side follow the true second; a reader who
labels the training side knows it roughly only, as people do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.resize import resize_slices
from abdominal_oncology.learning.samples import Labelled, Samples, SampleStore, build_store, fingerprint, open_store
from abdominal_oncology.phantom.ct_slices import training_slices
from abdominal_oncology.phantom.ct_study import EXTENTS_MM, ct_study
from abdominal_oncology.phantom.physiology import Patient
from abdominal_oncology.phase.labels import VIEWS, Phase, PhaseView
from abdominal_oncology.phase.phantom import sample_seconds
from abdominal_oncology.phase.prepare import SlicePreparation, prepare_slices
from abdominal_oncology.phase.sampling import uniform_slices
from abdominal_oncology.phase.training import class_rows
from abdominal_oncology.progress import Progress, silent

READER_BLUR = 0.1
"""Share of itself (log-normal) to which the reader of the training scans knows the second."""
_BORDERS_SECONDS = ((48.0, 60.0), (105.0, 150.0))
_BORDER_SHARE = 0.3
_SCANS_PER_ANATOMY = 4
_LEVELS_PER_SLICE = 4 / 3
_WHOLE_TRUNK_EVERY = 4
_TEST_OFFSET = 500_000
_FIELD_MM = (380.0, 490.0)
_HEAVIEST_OF = 40


@dataclass(frozen=True)
class Scan:
    """One series. ``hu`` (k, j, i) runs from the feet up; ``seconds`` since injection, NaN without contrast; ``image``
    is there where slices lie evenly. Scans of one ``patient`` share an anatomy."""

    name: str
    patient: str
    split: Literal["train", "validation", "test"]
    hu: NDArray[np.int16]
    seconds: float
    image: Image | None = None


@dataclass(frozen=True)
class VolumeForm:
    """A scan as one volume of ``depth`` slices: evenly picked ones, or all of them ``blended`` into so many."""

    depth: int
    size: int
    window_hu: tuple[float, float] = (50.0, 400.0)
    blended: bool = False


Form = SlicePreparation | VolumeForm | None
"""How a scan becomes samples: slices, one volume, or bare HU slice by slice."""


@dataclass(frozen=True)
class StudyScanner:
    """How :func:`study_scans` differ from an ordinary scanner and ordinary patients.

    ``noise_hu`` is that of a 2.5 mm slice (None: drawn), ``difficulty`` scales artefacts, ``heavy`` takes the heaviest
    of forty patients, ``phases`` are the only ones scanned (empty: all classes equally often).
    """

    noise_hu: float | None = None
    difficulty: float = 0.5
    heavy: bool = False
    phases: tuple[str, ...] = ()


def second_for(
    classes: tuple[str, ...], turn: int, rng: np.random.Generator, phases: tuple[str, ...] = ()
) -> float | None:
    """A second of the class (or of ``phases``) whose turn it is.

    Where no class takes what lies between two phases, three scans in ten lie there all the same: their class is the
    nearer phase, and they are the hard ones.
    """
    if phases:
        return sample_seconds(phases[turn % len(phases)], rng)
    if Phase.OTHERS not in classes and rng.random() < _BORDER_SHARE:
        start, stop = _BORDERS_SECONDS[rng.integers(len(_BORDERS_SECONDS))]
        return float(rng.uniform(start, stop))
    wanted = classes[turn % len(classes)]
    members = [phase for phase, name in _view_of(classes).groups.items() if name == wanted]
    return sample_seconds(members[rng.integers(len(members))], rng)


def class_at(seconds: float, classes: tuple[str, ...]) -> str:
    """
    >>> from abdominal_oncology.phase.labels import INTERCLASS_VIEW, SAMPLING_VIEW
    >>> class_at(140.0, INTERCLASS_VIEW.classes), class_at(140.0, SAMPLING_VIEW.classes)
    ('delayed', 'others')
    """
    return classes[int(class_rows(np.array([seconds]), classes)[0].argmax())]


def slice_scans(
    classes: tuple[str, ...],
    scans: int,
    slices: int,
    pixels: int,
    seed: int,
    *,
    test: bool = False,
    validation: int = 0,
    progress: Progress = silent,
) -> Iterator[Scan]:
    """``scans`` scans of ``slices`` slices at random levels, four of each anatomy; a quarter shows the whole trunk.

    The first ``validation`` of a training's scans are its validation side. Test anatomies are never training ones.
    """
    turns = count()
    for anatomy in range(-(-scans // _SCANS_PER_ANATOMY)):
        progress(anatomy * _SCANS_PER_ANATOMY / scans, f"phantom scan {anatomy * _SCANS_PER_ANATOMY + 1} of {scans}")
        number = seed * 1_000_003 + (_TEST_OFFSET if test else 0) + anatomy
        here = min(_SCANS_PER_ANATOMY, scans - anatomy * _SCANS_PER_ANATOMY)
        (batch,) = training_slices(
            number,
            here * slices,
            seconds=lambda rng: second_for(classes, next(turns), rng),
            size=pixels,
            per_anatomy=_SCANS_PER_ANATOMY * slices,
            levels=round(slices * _LEVELS_PER_SLICE),
            extent="neck-to-thigh" if anatomy % _WHOLE_TRUNK_EVERY == _WHOLE_TRUNK_EVERY - 1 else "abdomen",
            per_person=slices,
        )
        for person in range(here):
            own = np.flatnonzero(batch.person == person)
            own = own[np.argsort(batch.level_mm[own])]
            index = anatomy * _SCANS_PER_ANATOMY + person
            split: Literal["train", "validation", "test"] = "train" if index >= validation else "validation"
            yield Scan(
                f"{'test' if test else 'train'}-{index}",
                f"{'test' if test else 'train'}-anatomy-{anatomy}",
                "test" if test else split,
                batch.hu[own],
                float(batch.seconds[own[0]]),
            )


def study_scans(
    classes: tuple[str, ...],
    patients: int,
    series: int,
    slices: int,
    pixels: int,
    seed: int,
    *,
    scanner: StudyScanner,
    extent: str = "abdomen",
    progress: Progress = silent,
) -> Iterator[Scan]:
    """``patients`` test patients with ``series`` series each, ``slices`` evenly spaced slices over ``extent``."""
    for index in range(patients):
        progress(index / patients, f"phantom patient {index + 1} of {patients}")
        number = seed * 1_000_003 + 2 * _TEST_OFFSET + index
        rng = np.random.default_rng([number, 17])
        when = {f"series-{n}": second_for(classes, index * series + n, rng, scanner.phases) for n in range(series)}
        pixel_mm = float(rng.uniform(*_FIELD_MM)) / pixels
        top, bottom = EXTENTS_MM[extent]
        patient = None
        if scanner.heavy:
            patient = max((Patient.sample(rng) for _ in range(_HEAVIEST_OF)), key=lambda each: each.weight_kg)
        study = ct_study(
            number,
            seconds=when,
            spacing_mm=((top - bottom) / slices, pixel_mm, pixel_mm),
            matrix=pixels,
            slices=slices,
            extent=extent,
            noise_hu=scanner.noise_hu,
            difficulty=scanner.difficulty,
            patient=patient,
        )
        for role, image in study.images.items():
            second = when[role]
            seconds = float("nan") if second is None else second
            name = f"patient-{index}"
            yield Scan(f"{name}-{role}", name, "test", image.voxels.astype(np.int16, copy=False), seconds, image)


def as_samples(scans: Iterable[Scan], classes: tuple[str, ...], form: Form, seed: int) -> Iterator[Labelled]:
    """Every slice of every scan as one sample, or every scan; training labels as their reader gives them."""
    for scan in scans:
        seconds = scan.seconds
        if scan.split != "test":
            number = int(scan.name.rsplit("-", 1)[-1])
            seconds *= float(np.exp(np.random.default_rng([seed, 23, number]).normal(0, READER_BLUR)))
        label = class_at(seconds, classes)
        yield Labelled(scan.name, scan.patient, label, Samples(prepared(scan.hu, form)), scan.split)


def reshaped(store: SampleStore, form: Form) -> Iterator[Labelled]:
    """The cases of a store of bare HU in another form."""
    for case in store.cases:
        hu = store.inputs[case.start : case.stop, 0]
        yield Labelled(case.case, case.patient, case.label, Samples(prepared(hu, form)), case.split)


def prepared(hu: NDArray[Any], form: Form) -> NDArray[Any]:
    if form is None:
        return hu[:, None]
    return volume_of(hu, form) if isinstance(form, VolumeForm) else prepare_slices(hu, form)


def volume_of(hu: NDArray[Any], form: VolumeForm) -> NDArray[np.uint8]:
    """(1, 1, depth, size, size); 0 … 255 is the window from floor to ceiling.

    >>> volume_of(np.full((9, 32, 32), 50, np.int16), VolumeForm(4, 16)).shape
    (1, 1, 4, 16, 16)
    """
    if form.blended:
        at = np.clip((np.arange(form.depth) + 0.5) * len(hu) / form.depth - 0.5, 0, len(hu) - 1)
        low = at.astype(np.intp)
        high, share = np.minimum(low + 1, len(hu) - 1), (at - low)[:, None, None].astype(np.float32)
        needed, back = np.unique(np.concatenate([low, high]), return_inverse=True)
        scaled = resize_slices(hu[needed], form.size, window_hu=form.window_hu)
        values = scaled[back[: form.depth]] * (1 - share) + scaled[back[form.depth :]] * share
    else:
        values = resize_slices(hu[uniform_slices(len(hu), form.depth)], form.size, window_hu=form.window_hu)
    stored: NDArray[np.uint8] = np.rint(values * 255).astype(np.uint8)[None, None]
    return stored


def kept_store(
    folder: Path,
    facts: Mapping[str, Any],
    make: Callable[[], Iterable[Labelled]],
    classes: tuple[str, ...],
    form: Form,
) -> SampleStore:
    """The store of these facts in ``folder``: opened where it is, made where it is not."""
    settings = {} if form is None else asdict(form)
    path = folder / "stores" / fingerprint(dict(facts), classes, settings)
    if (path / "store.json").exists():
        return open_store(path)
    return build_store(path, make(), classes, settings)


def _view_of(classes: tuple[str, ...]) -> PhaseView:
    return next(view for view in VIEWS.values() if view.classes == classes)
