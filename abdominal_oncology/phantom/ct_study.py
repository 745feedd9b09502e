"""A whole CT study of one synthetic patient: the same anatomy without contrast and at several seconds after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.anatomy import label_names
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source, Step
from abdominal_oncology.phantom.abdomen import Abdomen
from abdominal_oncology.phantom.abdomen_trunk import VERTEBRAE, Habitus
from abdominal_oncology.phantom.ct_artefacts import Artefacts, round_mask
from abdominal_oncology.phantom.ct_protocol import Levels, draw_scanner, field_of_view_mm
from abdominal_oncology.phantom.ct_scanner import Scanner, scan, slice_scanner
from abdominal_oncology.phantom.physiology import Patient
from abdominal_oncology.phantom.result import Insert, Phantom
from abdominal_oncology.progress import Progress, silent

FOUR_PHASES: Mapping[str, float | None] = {"non-contrast": None, "arterial": 38.0, "portal": 75.0, "delayed": 240.0}
EXTENTS_MM = {"abdomen": (30.0, -425.0), "upper": (12.0, -225.0), "neck-to-thigh": (300.0, -520.0)}
SPLEEN_STRIPES_HU, SPLEEN_EVEN_SECONDS = 26.0, 62.0
"""The arterial spleen's stripes at the very start, and when they are gone."""
TONES = (
    *("skin", "subcutaneous_fat", "visceral_fat", "muscle", "bone", "bone_marrow", "marrow_fat", "intervertebral_disc"),
    *("costal_cartilages", "spinal_canal", "spinal_cord", "lung", "esophagus", "bowel_gas", "liver", "portal_vein"),
    *("hepatic_veins", "splenic_vein", "superior_mesenteric_vein", "superior_mesenteric_artery", "celiac_trunk"),
    *("hepatic_artery", "splenic_artery", "renal_arteries", "renal_veins", "renal_cortex", "renal_medulla"),
    *("renal_pelvis", "aorta", "inferior_vena_cava", "inferior_vena_cava_infrarenal", "calcification", "bile_ducts"),
    *("iliac_artery_left", "iliac_artery_right", "iliac_vena_left", "iliac_vena_right", "spleen", "pancreas"),
    *("gallbladder", "gallbladder_wall", "myocardium", "left_heart", "right_heart", "bladder", "prostate"),
    *("seminal_vesicles", "uterus", "vagina", "stomach", "duodenum", "small_bowel", "colon", "rectum", "table"),
    *("bowel_fluid", "bowel_content", "gastric_content", "oral_contrast", "adrenal_gland_left", "adrenal_gland_right"),
    *("kidney_cyst_left", "kidney_cyst_right", "superior_vena_cava", "thyroid_gland", "trachea"),
    *("brachiocephalic_vein_left", "brachiocephalic_vein_right"),
)


def ct_study(
    seed: int,
    *,
    seconds: Mapping[str, float | None] = FOUR_PHASES,
    spacing_mm: tuple[float, float, float] | None = None,
    matrix: int = 512,
    slices: int | None = None,
    extent: str = "abdomen",
    inserts: Sequence[Insert] = (),
    noise_hu: float | None = None,
    thickness_mm: float | None = None,
    difficulty: float = 0.5,
    patient: Patient | None = None,
    progress: Progress = silent,
) -> Phantom:
    """A patient drawn from ``seed``, scanned at ``seconds`` after injection by role (None: no contrast).

    ``spacing_mm`` (k, j, i), None: 2.5 mm and a field of view that fits the patient, though it sometimes cuts the
    sides; ``slices`` sets their count, from the extent's upper end down. ``thickness_mm`` 0.5 … 5, None: the step
    between slices (2.5 where they lie further than 5 mm apart). ``noise_hu`` is that of a 2.5 mm slice, None: drawn;
    thinner slices are noisier. ``difficulty`` 0 … 1 scales drawn noise and every artefact; 0.5 is an ordinary scanner.
    ``patient`` replaces the drawn patient's physiology and habitus, not the shapes that the seed draws. Every role has
    its own noise and breathing position; bones stay where they are. ``truth["scanner"]`` tells what was drawn.
    """
    if seed < 0:
        raise InvalidInputError(f"a seed is a whole number from 0, not {seed}")
    if not seconds:
        raise InvalidInputError("a study needs at least one series", remedy="give seconds by role")
    if matrix < 16 or (slices is not None and slices < 1):
        raise InvalidInputError(f"{matrix} × {matrix} pixels and {slices} slices show nothing")
    if extent not in EXTENTS_MM:
        raise InvalidInputError(f"no extent is called {extent!r}", remedy=f"choose one of {', '.join(EXTENTS_MM)}")
    if not 0 <= difficulty <= 1:
        raise InvalidInputError(f"difficulty runs from 0 to 1; {difficulty} is not between them")
    rng = np.random.default_rng([seed, 77])
    drawn = Patient.sample(rng)  # drawn even when not needed: the shapes that follow must not depend on it
    patient = patient or drawn
    habitus = habitus_of(patient, rng)
    anatomy = Abdomen(habitus, rng)
    top, bottom = (value * habitus.scale for value in EXTENTS_MM[extent])
    desk = np.random.default_rng([seed, 79])
    if spacing_mm is None:
        field_mm = field_of_view_mm(habitus, EXTENTS_MM[extent], desk)
        spacing_mm = (2.5, field_mm / matrix, field_mm / matrix)
    count = slices or max(int((top - bottom) / spacing_mm[0]), 1)
    low = top - (count - 1) * spacing_mm[0]
    centre = (float(rng.normal(0, 5)), float(rng.normal(4, 6)) + 0.35 * habitus.fat_mm - 12 * habitus.belly)
    half = (matrix - 1) / 2
    geometry = Geometry(
        (count, matrix, matrix),
        spacing_mm,
        (centre[0] - half * spacing_mm[2], centre[1] - half * spacing_mm[1], float(low)),
    )
    stack = Levels.of(low + np.arange(count) * spacing_mm[0], spacing_mm[0], thickness_mm)
    textures = anatomy.textures(spacing_mm[1], stack.step_mm)
    scanner, artefacts = draw_scanner(desk, habitus, noise_hu, stack, difficulty)
    images, labels, facts = {}, {}, {}
    for n, (role, when) in enumerate(seconds.items()):
        progress(n / len(seconds), f"painting {role}")
        own = np.random.default_rng([seed, 78, n])
        shift = float(own.normal(0, 4.0))
        tones = {name: float(patient.hu(name, when)) for name in TONES}
        mixing = tones | _mixing(tones, when) | _settled(patient, when)
        painting = partial(
            anatomy.paint, stack.painted_mm, matrix, spacing_mm[2], centre, mixing, shift, textures, inserts, when
        )
        if stack.faces is None:  # slices are scanned behind the painter, on the other core
            voxels, label = _paint_and_scan(painting, geometry, scanner, own, artefacts)
        else:
            fine, label = painting()
            progress((n + 0.6) / len(seconds), f"scanning {role}")
            label = stack.middle(label)
            voxels = scan(stack.thick(fine), spacing_mm, scanner, own, artefacts)
        if artefacts.round_field:
            outside = ~round_mask(matrix)
            voxels[:, outside], label[:, outside] = -1024, 0
        step = Step("ct_study", {"seed": seed, "role": role, "seconds": when})
        source = Source(patient_id=f"PHANTOM-{seed}", header={"SeriesDescription": role})
        images[role] = Image(voxels, geometry, Modality.CT, source, (step,))
        labels[role] = Image(label, geometry, Modality.MASK, source, (step,))
        facts[role] = {"seconds": when, "phase": role, "shift_mm": shift, "structures_hu": tones}
    truth: dict[str, Any] = {
        "seed": seed,
        "patient": {
            "male": habitus.male,
            "age_years": habitus.age_years,
            "weight_kg": patient.weight_kg,
            "condition": str(patient.condition),
            "fat_mm": habitus.fat_mm,
            "belly": habitus.belly,
            "scale": habitus.scale,
            "noise_hu": scanner.noise_hu,
            "arrival_seconds": patient.arrival_seconds,
        },
        "scanner": {
            "difficulty": difficulty,
            "thickness_mm": stack.thickness_mm,
            "spacing_mm": list(spacing_mm),
            **asdict(scanner),
            **asdict(artefacts),
            "arms_down": anatomy.arms,
            "implants": list(anatomy.implants.names),
        },
        "seconds": dict(seconds),
        "phases": facts,
        "vertebrae_mm": {name: z * habitus.scale for name, z in VERTEBRAE},
    }
    progress(1.0, "study made")
    return Phantom(images, labels, label_names(), truth)


def _paint_and_scan(
    painting: Callable[..., tuple[NDArray[np.float32], NDArray[np.uint16]]],
    geometry: Geometry,
    scanner: Scanner,
    rng: np.random.Generator,
    artefacts: Artefacts,
) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    hu = np.empty(geometry.shape, dtype=np.float32)
    voxels = np.empty(geometry.shape, dtype=np.int16)
    scan_slice = slice_scanner(hu, voxels, geometry.spacing_mm, scanner, rng, artefacts)
    last = geometry.shape[0] - 1
    with ThreadPoolExecutor(1) as pool:
        scans: list[Future[None]] = []

        def painted(k: int) -> None:  # a slice needs both neighbours
            ready = ([k - 1] if k else []) + ([last] if k == last else [])
            scans.extend(pool.submit(scan_slice, each) for each in ready)

        _, labels = painting(into=hu, painted=painted)
        for each in scans:
            each.result()
    return voxels, labels


def _mixing(tones: Mapping[str, float], seconds: float | None) -> dict[str, float]:
    """How uneven (HU) early blood is: stripes of the arterial spleen, renal blood that meets that of the legs."""
    if seconds is None:
        return {}
    stripes = SPLEEN_STRIPES_HU * max(1 - seconds / SPLEEN_EVEN_SECONDS, 0.0) if seconds > 14 else 0.0
    unmixed = 0.22 * max(tones["renal_veins"] - tones["inferior_vena_cava_infrarenal"], 0.0)
    return {"spleen_moire": max(stripes, 2.5), "cava_mixing": max(unmixed, 2.5)}


def _settled(patient: Patient, seconds: float | None) -> dict[str, float]:
    """Excreted contrast is heavier than urine: the bladder's front stays darker."""
    plain = patient.hu("bladder", None)
    more = patient.hu("bladder", seconds) - plain
    return {"bladder_front": plain + 0.15 * more} if more > 15 else {}


def habitus_of(patient: Patient, rng: np.random.Generator) -> Habitus:
    """A body that fits sex, weight and age, with some freedom."""
    male = patient.male
    scale = float(np.clip(rng.normal(1.03 if male else 0.95, 0.04), 0.85, 1.14))
    heavy = (patient.weight_kg - (78 if male else 66)) / 15
    fat = float(np.clip((14 if male else 20) + 7 * heavy + 3 * rng.normal(), 5, 48))
    belly = float(np.clip((0.5 if male else 0.3) + 0.28 * heavy + 0.12 * rng.normal(), 0.02, 1.3))
    muscle = float(np.clip(rng.normal(1.0 if male else 0.88, 0.08) - 0.003 * (patient.age_years - 60), 0.68, 1.15))
    return Habitus(male, scale, fat, belly, muscle, patient.age_years)
