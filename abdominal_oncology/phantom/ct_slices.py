"""CT slices by the thousand for training: anatomies are drawn once and coloured many times.

Drawing a slice costs a hundred milliseconds, colouring one a few. So each anatomy's slices are kept as palettes: for
every pixel, at twice the size, which tissue it is and how much grain it has. Each training slice takes one of them,
bends, turns and crops it, colours it with its own patient at its own second, averages it down and scans it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.anatomy import all_structures
from abdominal_oncology.phantom.abdomen import Abdomen
from abdominal_oncology.phantom.abdomen_shapes import Field, SliceCanvas, Window
from abdominal_oncology.phantom.ct_scanner import Scanner, scan
from abdominal_oncology.phantom.ct_study import EXTENTS_MM, SPLEEN_EVEN_SECONDS, SPLEEN_STRIPES_HU, TONES, habitus_of
from abdominal_oncology.phantom.physiology import Patient, Population

_FIELD_OF_VIEW_MM = 470.0
_SLICES_PER_VIEW = 8
"""A bent view costs as much as colouring a slice, so a few slices share one."""


@dataclass(frozen=True)
class Tint:
    """A tissue's HU before it is known: ``scale`` · HU of ``tissue`` + ``offset``. The painters may calculate with it.

    >>> Tint("bone") * 0.5 + 20
    Tint(tissue='bone', scale=0.5, offset=20.0)
    """

    tissue: str
    scale: float = 1.0
    offset: float = 0.0

    def __mul__(self, factor: float) -> Tint:
        return Tint(self.tissue, self.scale * factor, self.offset * factor)

    def __add__(self, more: float) -> Tint:
        return Tint(self.tissue, self.scale, self.offset + more)


class _Palette:
    """Tints in the order of their first use."""

    def __init__(self) -> None:
        self.tints: list[Tint] = [Tint("", 0.0, -1000.0)]
        self._known: dict[Tint, int] = {self.tints[0]: 0}

    def index(self, tint: Tint | float) -> int:
        wanted = tint if isinstance(tint, Tint) else Tint("", 0.0, float(tint))
        if wanted not in self._known:
            self._known[wanted] = len(self.tints)
            self.tints.append(wanted)
        return self._known[wanted]


class _PaletteCanvas(SliceCanvas):
    """A slice that remembers which tint every pixel has instead of its HU."""

    palette: _Palette
    tissue: NDArray[np.uint16]
    grain: Field

    def paint(
        self,
        drawn: tuple[Window, Field] | None,
        hu: Tint | float,
        label: int | None,
        *,
        texture: str = "",
        amount_hu: float = 0.0,
        within: Field | None = None,
    ) -> None:
        if drawn is None:
            return
        window, f = drawn
        if within is not None:
            f = np.maximum(f, within[window])
        inside = f <= 0
        self.tissue[window][inside] = self.palette.index(hu)
        grain = self.textures[texture][window][inside] * np.float32(amount_hu) if texture and amount_hu else 0.0
        self.grain[window][inside] = grain
        if label is not None:
            self.labels[window][inside] = label


@dataclass(frozen=True)
class _Drawn:
    """One slice of one anatomy, twice as large as asked for."""

    tissue: NDArray[np.uint16]
    grain: NDArray[np.float16]
    labels: NDArray[np.uint8]
    level_mm: float


@dataclass(frozen=True)
class SliceBatch:
    """Training slices of one anatomy. ``hu`` (n, row, column) int16; ``seconds`` since injection, NaN without contrast;
    ``level_mm`` height in the body, 0 at the right diaphragm's dome and −390 at the bladder; ``labels`` uint8 numbers
    of :mod:`abdominal_oncology.imaging.anatomy`; ``pixel_mm`` of each slice; ``patient`` the anatomy's number;
    ``person`` (n,) who of those with this anatomy each slice belongs to."""

    hu: NDArray[np.int16]
    seconds: NDArray[np.float64]
    level_mm: NDArray[np.float64]
    labels: NDArray[np.uint8]
    pixel_mm: NDArray[np.float64]
    patient: int
    person: NDArray[np.intp]


def training_slices(
    seed: int,
    n: int,
    *,
    seconds: Callable[[np.random.Generator], float | None],
    size: int = 224,
    per_anatomy: int = 256,
    levels: int = 16,
    extent: str = "abdomen",
    spread: float = 1.2,
    per_person: int = 1,
) -> Iterator[SliceBatch]:
    """``n`` slices in batches of up to ``per_anatomy`` from one anatomy each.

    ``seconds`` draws the time of one person's scan (None: no contrast). ``levels`` slices are drawn per anatomy, at
    random heights of ``extent``; ``spread`` widens what patients differ in. ``per_person`` slices in a row, at
    different levels, are one scan: same second, same enhancement, same view, same scanner. The same arguments give
    the same slices.
    """
    if n < 1 or size < 16 or per_anatomy < 1 or levels < 1:
        raise InvalidInputError("slices, size, slices per anatomy and levels must be positive (size at least 16)")
    if not 1 <= per_person <= levels or per_anatomy % per_person:
        raise InvalidInputError(
            f"{per_person} slices per person need as many levels ({levels}) and must divide {per_anatomy} per anatomy"
        )
    if extent not in EXTENTS_MM:
        raise InvalidInputError(f"no extent is called {extent!r}", remedy=f"choose one of {', '.join(EXTENTS_MM)}")
    done = 0
    while done < n:
        count = min(per_anatomy, n - done)
        rng = np.random.default_rng([seed, 91, done])
        palette = _Palette()
        pool = _draw(rng, palette, size, min(levels, count), extent)
        yield _colour(rng, palette, pool, count, size, seconds, spread, done, per_person)
        done += count


def _draw(rng: np.random.Generator, palette: _Palette, size: int, levels: int, extent: str) -> list[_Drawn]:
    """Random levels of a new anatomy as palettes of 2 · size pixels across."""
    anatomy = Abdomen(habitus_of(Patient.sample(rng), rng), rng)
    scale = anatomy.habitus.scale
    matrix = 2 * size
    pixel = _FIELD_OF_VIEW_MM / matrix
    side = (np.arange(matrix) - (matrix - 1) / 2) * pixel / scale
    centre_y = 6.0 + 0.35 * anatomy.habitus.fat_mm - 12 * anatomy.habitus.belly
    columns, rows = side.astype(np.float32), (side + centre_y / scale).astype(np.float32)
    top, bottom = EXTENTS_MM[extent]
    heights = np.sort(rng.uniform(bottom, top, levels)) * scale
    textures = anatomy.textures(pixel, 4.0)
    tints = {name: Tint(name) for name in TONES}
    numbers = {each.name: each.number for each in all_structures()}
    result = []
    for k in range(levels):
        labels = np.zeros((matrix, matrix), dtype=np.uint16)
        nothing = np.empty((matrix, matrix), dtype=np.float32)
        plain = anatomy.canvas(k, heights, columns, rows, 0.0, nothing, labels, textures)
        canvas = _PaletteCanvas(**{f.name: getattr(plain, f.name) for f in fields(plain)})
        canvas.palette = palette
        canvas.tissue = np.zeros((matrix, matrix), dtype=np.uint16)
        canvas.grain = np.zeros((matrix, matrix), dtype=np.float32)
        anatomy.paint_slice(canvas, tints, numbers)  # type: ignore[arg-type]
        small = canvas.grain.astype(np.float16)
        result.append(_Drawn(canvas.tissue, small, labels.astype(np.uint8), float(heights[k] / scale)))
    return result


def _colour(
    rng: np.random.Generator,
    palette: _Palette,
    pool: list[_Drawn],
    count: int,
    size: int,
    seconds: Callable[[np.random.Generator], float | None],
    spread: float,
    patient: int,
    per_person: int,
) -> SliceBatch:
    person = np.arange(count) // per_person
    people = int(person[-1]) + 1
    when = [seconds(rng) for _ in range(people)]
    table = _table(rng, palette, when, spread)
    spleen = np.array([tint.tissue == "spleen" for tint in palette.tints])
    if per_person == 1:
        chosen = rng.integers(len(pool), size=count)
    else:
        chosen = np.concatenate([rng.permutation(len(pool))[:per_person] for _ in range(people)])[:count]
    streams = rng.spawn(count)
    scanners = [_scanner(stream) for stream in (streams if per_person == 1 else rng.spawn(people))]
    moire = _moire(rng, 2 * size)
    views = [_bent(rng, 2 * size) for _ in range(-(-count // _SLICES_PER_VIEW))]
    view = rng.integers(len(views), size=people)
    hu = np.empty((count, size, size), dtype=np.int16)
    labels = np.empty((count, size, size), dtype=np.uint8)
    pixel = np.empty(count)

    def one(n: int) -> None:
        own, drawn, who = streams[n], pool[int(chosen[n])], int(person[n])
        index, zoom = views[int(view[who])]
        tissue = drawn.tissue.ravel()[index]
        fine = table[who][tissue] + drawn.grain.ravel()[index]
        early = when[who]
        if early is not None and 14 < early < SPLEEN_EVEN_SECONDS:
            strength = SPLEEN_STRIPES_HU * (1 - early / SPLEEN_EVEN_SECONDS)
            fine += np.float32(strength) * spleen[tissue] * moire
        painted = fine.reshape(size, 2, size, 2).mean(axis=(1, 3), dtype=np.float32)
        labels[n] = drawn.labels.ravel()[index[::2, ::2]]
        step = _FIELD_OF_VIEW_MM / size * zoom
        pixel[n] = step
        hu[n] = scan(painted[None], (3.0, step, step), scanners[who], own)[0]

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(one, range(count)))
    level = np.array([pool[int(c)].level_mm for c in chosen])
    times = np.array([np.nan if t is None else t for t in when])
    return SliceBatch(hu, times[person], level, labels, pixel, patient, person)


def _scanner(rng: np.random.Generator) -> Scanner:
    noise = float(np.exp(rng.normal(np.log(9), 0.5)))
    blur, grain = rng.uniform(0.3, 1.0), rng.uniform(0.6, 1.3)
    return Scanner(blur, noise, grain, rng.uniform(0, 5), thickness=0.0)


def _table(rng: np.random.Generator, palette: _Palette, when: list[float | None], spread: float) -> NDArray[np.float32]:
    """HU of every tint in every slice (n, tints): each slice is another patient at its own second."""
    people = Population.sample(len(when), rng, spread=spread)
    given = np.array([t is not None for t in when])
    times = np.array([0.0 if t is None else t for t in when])
    table = np.empty((len(when), len(palette.tints)), dtype=np.float32)
    known: dict[str, NDArray[np.float64]] = {}
    for column, tint in enumerate(palette.tints):
        if tint.tissue and tint.tissue not in known:
            plain = people.hu(tint.tissue, None)
            known[tint.tissue] = np.where(given, people.hu_each(tint.tissue, times), plain)
        table[:, column] = tint.offset + (tint.scale * known[tint.tissue] if tint.tissue else 0.0)
    return table


def _bent(rng: np.random.Generator, side: int) -> tuple[NDArray[np.intp], float]:
    """Flat indices of a turned, shifted, zoomed and gently bent view of a ``side`` × ``side`` slice, and the zoom."""
    zoom = float(np.exp(rng.uniform(np.log(0.64), np.log(1.06))))
    middle = (side - 1) / 2
    at = (np.arange(side, dtype=np.float32) - np.float32(middle)) * np.float32(zoom)
    turn = np.deg2rad(rng.normal(0, 3.0))
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    stretch = np.exp(rng.normal(0, 0.05, 2)).astype(np.float32)
    shift = rng.normal(0, 0.02 * side, 2).astype(np.float32)
    a, b = at[:, None] * stretch[0], at[None, :] * stretch[1]
    j = c * a + s * b + np.float32(middle) + shift[0]
    i = c * b - s * a + np.float32(middle) + shift[1]
    for target in (j, i):
        for _ in range(2):
            ky, kx = rng.uniform(1, 2.6, 2) * 2 * np.pi / side
            wave = np.float32(0.008 * side * rng.uniform(-1, 1))
            u, v = (ky * at + rng.uniform(0, 6.3)).astype(np.float32), (kx * at).astype(np.float32)
            target += wave * (np.sin(u)[:, None] * np.cos(v)[None, :] + np.cos(u)[:, None] * np.sin(v)[None, :])
    rows = np.clip(np.rint(j), 0, side - 1).astype(np.intp)
    rows *= side
    rows += np.clip(np.rint(i), 0, side - 1).astype(np.intp)
    return rows, zoom


def _moire(rng: np.random.Generator, side: int) -> Field:
    """The arterial spleen's stripes: a winding wave of about unit variance."""
    rough = ndimage.gaussian_filter(rng.standard_normal((side, side), dtype=np.float32), side / 60, mode="wrap")
    stripes: Field = np.sin(np.float32(2.6) * rough / rough.std()).astype(np.float32) * np.float32(1.3)
    return stripes
