"""Rigid registration of a phase onto the portal one, from the shift found before: for patients who moved sideways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from abdominal_oncology.hcc.align import AlignBy, Alignment, coarse_grid, sampled
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.resample import resample
from abdominal_oncology.imaging.sitk_bridge import array_to_sitk

_SPACING_MM = (3.0, 3.0, 3.0)
_AROUND_MM = 12.0
_CLIP_HU = (-160.0, 240.0)
_STEPS = 60
_SMALLEST_STEP = 1e-3
# a turn or a sideways move beyond this is no breathing but another posture: it lowers the confidence
_MOST_MM, _MOST_DEGREES = 25.0, 10.0


def align_rigid(start: Alignment, portal: Image, portal_liver: Image, phase: Image) -> Alignment:
    """Mutual information around the liver, three turns and three moves, from the shift of ``start``."""
    grid = coarse_grid(portal_liver.geometry, _SPACING_MM, _AROUND_MM)
    steps = [round(_AROUND_MM / mm) for mm in _SPACING_MM]
    near = ndimage.maximum_filter(sampled(portal_liver, grid).astype(np.uint8), tuple(2 * n + 1 for n in steps))
    fixed = array_to_sitk(_clipped(portal, grid), grid)
    far = coarse_grid(phase.geometry, _SPACING_MM, 0.0)
    moving = array_to_sitk(_clipped(phase, far), far)
    initial = sitk.Euler3DTransform()
    initial.SetCenter(grid.centre_mm)
    initial.SetTranslation([float(v) for v in start.move_mm])
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricFixedMask(array_to_sitk(near, grid))
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, _SMALLEST_STEP, _STEPS)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(initial, inPlace=False)
    found: Any = sitk.Euler3DTransform(sitk.CompositeTransform(method.Execute(fixed, moving)).GetNthTransform(0))
    turn = np.asarray(found.GetMatrix()).reshape(3, 3)
    centre = np.asarray(found.GetCenter())
    move = np.asarray(found.GetTranslation()) + centre - turn @ centre
    at_centre = turn @ centre + move - centre
    shift = float(at_centre @ np.asarray(portal_liver.geometry.normal))
    degrees = float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
    sideways = float(np.linalg.norm(at_centre - shift * np.asarray(portal_liver.geometry.normal)))
    plausible = degrees <= _MOST_DEGREES and sideways <= _MOST_MM
    return replace(
        start,
        by=AlignBy.RIGID,
        shift_mm=shift,
        confidence=start.confidence if plausible else 0.0,
        turn=turn,
        move_mm=move,
    )


def _clipped(image: Image, grid: Geometry) -> np.ndarray:  # type: ignore[type-arg]
    values = np.clip(image.voxels, *_CLIP_HU).astype(np.float32)
    return resample(Image(values, image.geometry), grid, "linear", outside=_CLIP_HU[0]).voxels
