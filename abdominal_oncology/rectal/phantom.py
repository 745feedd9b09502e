"""A pelvis on T2-weighted MR with a rectal tumour of stage T2 or T3: images, labels and truth from a seed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.anatomy import find, label_names
from abdominal_oncology.imaging.geometry import Geometry, Matrix
from abdominal_oncology.imaging.image import Image, Modality, Source
from abdominal_oncology.phantom.mr_canvas import Canvas, Floats
from abdominal_oncology.phantom.mr_scanner import MrScan, acquire, bias_field
from abdominal_oncology.phantom.mr_warp import Warp
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.rectal.organs import Organs
from abdominal_oncology.rectal.pelvis import Pelvis
from abdominal_oncology.rectal.rectum_painter import Content, paint_rectum
from abdominal_oncology.rectal.tissue import Signals, Textures
from abdominal_oncology.rectal.tumour import DEPTH_CLASSES_MM, Tumour, draw_tumour
from abdominal_oncology.rectal.wall import RectalWall

STAGES = ("T2", "T3")
_T3_SHARE = 399 / 567  # of the source study's patients
_FEMALE_SHARE = 198 / 567
_SMALLEST_FIELD_MM = 100.0
_SUB_SLICES = np.array([-1 / 3, 0, 1 / 3], np.float32)
_SUB_WEIGHTS = np.array([0.3, 0.4, 0.3], np.float32)
_CHUNK_VOXELS = 150_000


def rectal_phantom(
    seed: int,
    *,
    stage: str | None = None,
    matrix: int = 512,
    slices: int = 30,
    spacing_mm: tuple[float, float, float] | None = None,
    difficulty: float = 0.5,
    female: bool | None = None,
    progress: Progress = silent,
) -> Phantom:
    """One synthetic patient with rectal cancer, axial T2-weighted, role ``"t2"``.

    ``stage`` is ``"T2"``, ``"T3"`` or None (drawn as often as in the source study); ``spacing_mm`` (k, j, i), or drawn
    as there (3.1 ± 0.4 mm, 0.44 ± 0.07 mm; a small ``matrix`` gets coarser pixels so that its field is 10 cm).
    ``difficulty`` from 0 to 1 raises noise, blur, haze and false strands and thins what T2 leaves of the muscularis.

    ``labels["t2"]`` holds all structures, ``labels["rectum"]`` the rectum as it was before the tumour grew: tumour
    outside it is extramural. ``truth``: ``stage``, ``depth_mm`` and its class, ``volume_ml``, ``representative_slices``
    (k), ``spicules``, ``centre_mm`` of the tumour (LPS) and everything that was drawn.

    >>> patient = rectal_phantom(1, stage="T3", matrix=64, slices=8)
    >>> patient.images["t2"].voxels.shape, patient.truth["stage"], patient.truth["depth_mm"] > 0
    ((8, 64, 64), 'T3', True)
    """
    _check(seed, stage, matrix, slices, spacing_mm, difficulty)
    rng = np.random.default_rng(np.random.SeedSequence((seed, 0x4EC7)))
    drawn_stage = "T3" if rng.random() < _T3_SHARE else "T2"
    drawn_female = bool(rng.random() < _FEMALE_SHARE)
    plan = _Plan.draw(
        rng, stage or drawn_stage, drawn_female if female is None else female, matrix, slices, spacing_mm, difficulty
    )
    progress(0.05, "painting the pelvis")
    signal, labels, tube = plan.paint(progress)
    progress(0.75, "acquiring")
    voxels = plan.acquire(signal, rng)
    progress(0.95, "measuring the truth")
    made = Image(voxels, plan.geometry, Modality.MR, Source(patient_id=f"rectal-{seed}", header=plan.header))
    phantom = Phantom(
        {"t2": made},
        {
            "t2": Image(labels, plan.geometry, Modality.MASK),
            "rectum": Image(tube, plan.geometry, Modality.MASK),
        },
        label_names([int(value) for value in np.union1d(np.unique(labels), np.unique(tube)) if value]),
        {"seed": seed, **plan.truth(labels)},
    )
    progress(1.0, "phantom made")
    return phantom


@dataclass(frozen=True)
class _Plan:
    """All that is drawn before a voxel is painted."""

    geometry: Geometry
    columns_mm: Floats
    rows_mm: Floats
    planes_mm: Floats
    female: bool
    field_tesla: float
    difficulty: float
    signals: Signals
    textures: Textures
    pelvis: Pelvis
    organs: Organs
    wall: RectalWall
    tumour: Tumour
    content: Content
    scan: MrScan
    bias: Floats
    warps: tuple[Warp, Warp]
    gain: float

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        stage: str,
        female: bool,
        matrix: int,
        slices: int,
        spacing_mm: tuple[float, float, float] | None,
        difficulty: float,
    ) -> _Plan:
        pixel = float(np.clip(rng.normal(0.439, 0.069), 0.27, 0.65))
        thick = float(np.clip(rng.normal(3.1, 0.42), 2.0, 4.5))
        if spacing_mm is None:
            pixel = max(pixel, _SMALLEST_FIELD_MM / matrix)
            spacing_mm = (thick, pixel, pixel)
        thick, pixel = spacing_mm[0], max(spacing_mm[1:])
        wall = RectalWall.draw(rng)
        tumour = draw_tumour(rng, stage, wall, thick, pixel, difficulty)
        rows, columns, planes = _axes(rng, matrix, slices, spacing_mm, wall, tumour)
        tesla = 1.5 if rng.random() < 77 / 567 else 3.0
        return cls(
            Geometry(
                (slices, matrix, matrix),
                spacing_mm,
                (float(columns[0]), float(rows[0]), float(planes[0])),
                _oblique(rng),
            ),
            columns,
            rows,
            planes,
            female,
            tesla,
            difficulty,
            Signals.draw(rng),
            Textures.draw(rng, matrix, matrix, pixel),
            Pelvis.draw(rng, female),
            Organs.draw(rng, female, wall),
            wall,
            tumour,
            Content.draw(rng, difficulty),
            _scan(rng, difficulty, tesla),
            bias_field((slices, matrix, matrix), float(rng.uniform(0.05, 0.22)), rng),
            _warps(rng, rows, columns, planes),
            float(rng.uniform(60, 140)),
        )

    def paint(self, progress: Progress) -> tuple[Floats, NDArray[np.uint8], NDArray[np.uint8]]:
        """True signal, label map, and the mask of the rectum before the tumour."""
        shape = self.geometry.shape
        signal = np.empty(shape, np.float32)
        labels = np.empty(shape, np.uint8)
        tube = np.empty(shape, np.uint8)
        step = max(1, _CHUNK_VOXELS // (shape[1] * shape[2] * _SUB_SLICES.size))
        chunks = [slice(k, min(k + step, shape[0])) for k in range(0, shape[0], step)]

        def work(chunk: slice) -> None:
            signal[chunk], labels[chunk], tube[chunk] = self._paint(chunk)

        if len(chunks) == 1:
            work(chunks[0])
        else:
            with ThreadPoolExecutor(min(len(chunks), os.cpu_count() or 1, 8)) as pool:
                for n, _ in enumerate(pool.map(work, chunks)):
                    progress(0.05 + 0.7 * (n + 1) / len(chunks), "painting the pelvis")
        return signal, labels, tube

    def _paint(self, chunk: slice) -> tuple[Floats, NDArray[np.uint8], NDArray[np.uint8]]:
        planes = self.planes_mm[chunk]
        heights = (planes[:, None] + _SUB_SLICES * (self.geometry.spacing_mm[0])).reshape(-1)
        edge = max(self.geometry.spacing_mm[1:])
        step = self.geometry.spacing_mm[0] / _SUB_SLICES.size
        canvas = self._warped(Canvas.blank(self.columns_mm, self.rows_mm, heights, edge, step))
        self.pelvis.paint(canvas, self.signals, self.textures)
        self.organs.paint(canvas, self.signals, self.textures, self.wall)
        tube = replace(canvas, labels=np.zeros_like(canvas.labels))
        paint_rectum(canvas, tube, self.signals, self.textures, self.wall, self.tumour, self.content)
        parts = canvas.signal.reshape(planes.size, _SUB_SLICES.size, *canvas.signal.shape[1:])
        mixed = np.einsum("ksji,s->kji", parts, _SUB_WEIGHTS)
        centres = slice(_SUB_SLICES.size // 2, None, _SUB_SLICES.size)
        return mixed, canvas.labels[centres].astype(np.uint8), tube.labels[centres].astype(np.uint8)

    def _warped(self, canvas: Canvas) -> Canvas:
        """Bend the anatomy a few millimetres so that no two patients and no two sides are alike; the rectum little."""
        heights = canvas.z[:, 0, 0]
        large, small = (warp.at(heights, self.rows_mm, self.columns_mm) for warp in self.warps)
        squared = np.square(self.columns_mm[None, None, :]) + np.square(self.rows_mm[None, :, None])
        near = np.exp(squared / np.float32(-2 * 36.0**2))
        calm, calmer = 1 - np.float32(0.75) * near, 1 - np.float32(0.88) * near
        return canvas.warped(calmer * large[0] + calm * small[0], calmer * large[1] + calm * small[1])

    def acquire(self, signal: Floats, rng: np.random.Generator) -> NDArray[np.int16]:
        spacing = (self.geometry.spacing_mm[1], self.geometry.spacing_mm[2])
        magnitude = acquire(signal * self.bias, spacing, self.scan, rng)
        voxels: NDArray[np.int16] = np.clip(np.rint(magnitude * self.gain), 0, 32767).astype(np.int16)
        return voxels

    @property
    def header(self) -> dict[str, object]:
        """What a scanner would write about such a series."""
        return {
            "SeriesDescription": "AX T2 TSE (phantom)",
            "Modality": "MR",
            "BodyPartExamined": "PELVIS",
            "PatientSex": "F" if self.female else "M",
            "MagneticFieldStrength": self.field_tesla,
            "ScanningSequence": "SE",
            "MRAcquisitionType": "2D",
            "RepetitionTime": 4200.0,
            "EchoTime": 100.0,
            "SliceThickness": self.geometry.spacing_mm[0],
        }

    def truth(self, labels: NDArray[np.uint8]) -> dict[str, object]:
        tumour = labels == find("tumour").number
        depths = self.tumour.spread(self.planes_mm, self.wall)
        area = tumour.sum(axis=(1, 2))
        depth = float(depths.max())
        importance = depths / max(depth, 1e-6) + 1e-3 * area / max(area.max(), 1) if depth > 0 else area.astype(float)
        best = np.argsort(importance)[::-1][:3]
        chosen = sorted(int(k) for k in best if importance[k] >= 0.75 * importance[best[0]])
        index = np.argwhere(tumour).mean(axis=0) if tumour.any() else np.array([np.nan] * 3)
        low = [bounds[0] for bounds in DEPTH_CLASSES_MM]
        return {
            "stage": self.tumour.stage,
            "depth_mm": depth,
            "depth_class": int(np.searchsorted(low, depth, side="right") - 1) if self.tumour.stage == "T3" else None,
            "depth_per_slice_mm": [float(value) for value in depths],
            "volume_ml": float(tumour.sum()) * self.geometry.voxel_volume_mm3 / 1000,
            "representative_slices": chosen,
            "spicules": len(self.tumour.spicules),
            "centre_mm": [float(value) for value in self.geometry.to_world(index)],
            "female": self.female,
            "difficulty": self.difficulty,
            "filling": self.content.filling,
            "haze": self.content.haze,
            "ghost": self.scan.ghost,
            "moved": bool(self.scan.shifts_mm),
            "noise": self.scan.noise,
            "signals": asdict(self.signals),
            "remaining_muscularis_mm": self.tumour.rest_mm,
        }


def _check(
    seed: int,
    stage: str | None,
    matrix: int,
    slices: int,
    spacing_mm: tuple[float, float, float] | None,
    difficulty: float,
) -> None:
    if seed < 0:
        raise InvalidInputError(f"a seed cannot be negative: {seed}", remedy="choose a whole number from 0 upwards")
    if stage is not None and stage not in STAGES:
        raise InvalidInputError(f"no phantom of stage {stage!r}", remedy="choose 'T2', 'T3' or None")
    if not 32 <= matrix <= 1024 or not 1 <= slices <= 300:
        raise InvalidInputError(
            f"a phantom of {slices} slices of {matrix} × {matrix} cannot be made",
            remedy="choose a matrix from 32 to 1024 and 1 to 300 slices",
        )
    if spacing_mm is not None and (len(spacing_mm) != 3 or not all(0 < each < 20 for each in spacing_mm)):
        raise InvalidInputError(
            f"voxel spacing must be three positive mm (k, j, i) below 20, not {spacing_mm}",
            remedy="choose for example (3.0, 0.45, 0.45)",
        )
    if not 0 <= difficulty <= 1:
        raise InvalidInputError(f"difficulty runs from 0 to 1, not {difficulty}", remedy="leave it at 0.5")


def _axes(
    rng: np.random.Generator,
    matrix: int,
    slices: int,
    spacing_mm: tuple[float, float, float],
    wall: RectalWall,
    tumour: Tumour,
) -> tuple[Floats, Floats, Floats]:
    """Anatomy coordinates of rows, columns and planes: wide fields show the pelvis, narrow ones the rectum."""
    thick, pixel_j, pixel_i = spacing_mm
    cx, cy = (float(value) for value in wall.centre(np.asarray(tumour.z_mm, np.float32)))
    wide = float(np.clip((matrix * pixel_j - 110) / 90, 0, 1))
    middle_x = (1 - wide) * cx + rng.normal(0, 3)
    middle_y = (1 - wide) * cy - wide * 3 + rng.normal(0, 3)
    # one plane passes exactly through the tumour's middle
    above = int(np.clip(round((slices - 1) / 2 + rng.normal(0, 0.08) * slices), 0, slices - 1))
    planes = (np.arange(slices) - above) * thick + tumour.z_mm
    rows = (np.arange(matrix) - (matrix - 1) / 2) * pixel_j + middle_y
    columns = (np.arange(matrix) - (matrix - 1) / 2) * pixel_i + middle_x
    return rows.astype(np.float32), columns.astype(np.float32), planes.astype(np.float32)


def _warps(rng: np.random.Generator, rows: Floats, columns: Floats, planes: Floats) -> tuple[Warp, Warp]:
    """Large-scale variation of the pelvis, and the small unevenness of every outline."""
    extent = tuple((float(axis[0]) - 6, float(axis[-1]) + 6) for axis in (planes, rows, columns))
    box = (extent[0], extent[1], extent[2])
    return Warp.draw(rng, box, (40.0, 26.0, 26.0), 3.2), Warp.draw(rng, box, (12.0, 6.0, 6.0), 0.45)


def _oblique(rng: np.random.Generator) -> Matrix:
    """The stack stands across the rectum, a few degrees off axial; the anatomy is described in its frame."""
    tilt, roll = np.radians(rng.normal((8.0, 0.0), (6.0, 2.0)))
    x_axis = np.array([np.cos(roll), np.sin(roll), 0.0])
    y_axis = np.array([-np.sin(roll) * np.cos(tilt), np.cos(roll) * np.cos(tilt), -np.sin(tilt)])
    normal = np.cross(x_axis, y_axis)
    rows = [tuple(float(value) for value in axis) for axis in (normal, y_axis, x_axis)]
    return (
        (rows[0][0], rows[0][1], rows[0][2]),
        (rows[1][0], rows[1][1], rows[1][2]),
        (rows[2][0], rows[2][1], rows[2][2]),
    )


def _scan(rng: np.random.Generator, difficulty: float, tesla: float) -> MrScan:
    resolution = float(rng.uniform(0.55, 0.75 + 0.35 * difficulty))
    moved = rng.random() < 0.15 + 0.3 * difficulty
    steps = rng.normal(0, 0.15 + 0.3 * difficulty, (int(rng.integers(3, 9)), 2)).cumsum(axis=0) * 0.6
    return MrScan(
        (resolution, resolution * float(rng.uniform(0.85, 1.0))),
        float(rng.uniform(0.1, 0.2 + 0.25 * difficulty)) * (1.25 if tesla < 2 else 1.0),
        2 if rng.random() < 0.8 else 1,
        float(rng.uniform(0.005, 0.02 + 0.03 * difficulty)) if rng.random() < 0.35 else 0.0,
        float(rng.uniform(0.15, 0.5)),
        tuple((float(row), float(column)) for row, column in steps) if moved else (),
    )
