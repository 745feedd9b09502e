"""How the inside of a structure looks at one second: cortex and medulla, cortical bone, gut content, lung vessels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.phantom.label_structures import Inside
from abdominal_oncology.phantom.label_textures import Box, Field, Textures


@dataclass(frozen=True)
class Place:
    """A structure's box on the painted grid: ``mask`` where it wins, ``hu_of`` the patient's HU by structure name.

    ``contents`` is a stream of numbers of this structure's own.
    """

    tissue: str
    box: Box
    mask: NDArray[np.bool_]
    geometry: Geometry
    textures: Textures
    hu_of: Callable[[str], float]
    contents: np.random.Generator

    def depth_mm(self) -> Field:
        """Distance from the surface, 0 outside; the volume's own ends are no surface."""
        image = sitk.GetImageFromArray(np.pad(self.mask, 1, mode="edge").view(np.uint8))
        image.SetSpacing(self.geometry.spacing_mm[::-1])
        # from the voxels just inside the surface, so half a voxel is missing
        found = sitk.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)
        depth = sitk.GetArrayFromImage(found)[1:-1, 1:-1, 1:-1] + np.float32(0.5 * min(self.geometry.spacing_mm))
        result: Field = np.where(self.mask, depth, np.float32(0))
        return result

    def along(self, direction: tuple[float, float, float]) -> Field:
        """Millimetres along an LPS direction from the middle of the box, broadcastable."""
        total: Field = np.zeros((1, 1, 1), dtype=np.float32)
        for axis, part in enumerate(self.box):
            step = float(np.dot(self.geometry.directions[axis], direction)) * self.geometry.spacing_mm[axis]
            index = np.arange(part.start, part.stop) - (part.start + part.stop - 1) / 2
            shape = [1, 1, 1]
            shape[axis] = -1
            total = total + (index * step).astype(np.float32).reshape(shape)
        return total

    def texture(self, name: str) -> Field:
        return self.textures(name, self.box)


def inside_hu(inside: Inside, place: Place) -> Field | float:
    """HU in the place's box (only meant inside its mask)."""
    painters: dict[Inside, Callable[[Place], Field | float]] = {
        Inside.BONE: _bone,
        Inside.MUSCLE: _muscle,
        Inside.LUNG: _lung,
        Inside.LIVER: _liver,
        Inside.KIDNEY: _kidney,
        Inside.HEART: _heart,
        Inside.GUT: _gut,
        Inside.PLAIN: _plain,
    }
    return painters[inside](place)


def _plain(place: Place) -> Field:
    hu = np.float32(place.hu_of(place.tissue)) + 2 * place.texture("cloud")
    if place.tissue == "pancreas":  # fat between its lobules
        clefts = np.maximum(place.texture("grain") - 0.9, 0)
        hu += 3 - 40 * clefts
    return hu


def _muscle(place: Place) -> Field:
    """Streaks of fat, most of them in the deep muscles of the back."""
    back = place.tissue.startswith("autochthon")
    streaks = np.maximum(place.texture("grain") + 0.6 * place.texture("cloud") - (1.1 if back else 1.6), 0)
    hu: Field = np.float32(place.hu_of(place.tissue)) + 3 * place.texture("cloud") - (48 if back else 40) * streaks
    return hu


def _liver(place: Place) -> Field:
    liver, portal, veins = (place.hu_of(name) for name in ("liver", "portal_vein", "hepatic_veins"))
    hu = np.float32(liver) + 2 * place.texture("cloud")
    hu += np.float32(0.85 * (portal - liver)) * place.textures.tubes(place.box, 1.8)
    hu += np.float32(0.7 * (veins - liver)) * place.textures.tubes(place.box, 0.8, fine=True)
    return hu


def _bone(place: Place) -> Field:
    """A dense shell round marrow; together they have the structure's own mean."""
    depth = place.depth_mm()
    step = min(place.geometry.spacing_mm)
    shell = np.clip((1.3 + 0.35 * step - depth) / max(step, 0.6) + 0.5, 0, 1) * place.mask
    share = float(shell.sum() / max(np.count_nonzero(place.mask), 1))
    mean, marrow = place.hu_of(place.tissue), place.hu_of("bone_marrow")
    dense = (mean - (1 - share) * marrow) / max(share, 0.05)
    hard = float(np.clip(dense, marrow + 60, 1150))
    inner = mean if share < 0.02 else (mean - share * hard) / max(1 - share, 0.05)
    hu: Field = np.float32(inner) + (40 * place.texture("fine") + 15 * place.texture("cloud")) * (1 - shell)
    hu += np.float32(hard - inner) * shell
    return hu


def _lung(place: Place) -> Field:
    blood = place.hu_of("right_heart")
    air = np.float32(place.hu_of(place.tissue) - 28)
    back = place.along((0.0, 1.0, 0.0))
    hu = air + 18 * place.texture("cloud") + np.float32(0.18) * back
    vessels = np.maximum(place.textures.tubes(place.box, 1.5), 0.6 * place.textures.tubes(place.box, 0.8, fine=True))
    painted: Field = hu + vessels * (np.float32(0.8 * blood) - hu)
    return painted


def _kidney(place: Place) -> Field:
    """Cortex is the outer three fifths and reaches inwards in columns; the deepest core is sinus."""
    cortex, medulla, pelvis, fat = (
        place.hu_of(name) for name in ("renal_cortex", "renal_medulla", "renal_pelvis", "visceral_fat")
    )
    depth = place.depth_mm() + 1.6 * place.texture("cloud")
    inner = depth[place.mask]
    hu = np.full(depth.shape, cortex, dtype=np.float32)
    if inner.size < 20:
        return hu
    rim, core = np.quantile(inner, (0.59, 0.97))
    soft = max(float(min(place.geometry.spacing_mm)), 0.8)
    hu += np.float32(medulla - cortex) * np.clip((depth - np.float32(rim)) / np.float32(soft) + 0.5, 0, 1)
    if core > 9:  # a thin slice of kidney has no sinus
        sinus = np.where(place.texture("cloud") > 0.2, np.float32(pelvis), np.float32(fat + 40))
        deep = np.clip((depth - np.float32(core)) / np.float32(soft) + 0.5, 0, 1)
        hu += (sinus - hu) * deep
    return hu


def _heart(place: Place) -> Field:
    """Muscle outside and between; the left chambers lie to the left and back of the right ones."""
    muscle, left, right = (place.hu_of(name) for name in ("myocardium", "left_heart", "right_heart"))
    side = place.along((0.75, 0.66, 0.0))
    middle = float(np.mean(np.broadcast_to(side, place.mask.shape)[place.mask])) if place.mask.any() else 0.0
    side = side - np.float32(middle) + 2.5 * place.texture("wide")
    depth = place.depth_mm() + place.texture("cloud")
    thick = np.where(side > 0, np.float32(9), np.float32(4))
    wall = np.clip(np.maximum(thick - depth, 5 - np.abs(side)) / 2 + 0.5, 0, 1)
    blood = np.where(side > 0, np.float32(left), np.float32(right))
    hu: Field = blood + wall * (np.float32(muscle) - blood)
    return hu + 2 * place.texture("cloud")


def _gut(place: Place) -> Field:
    """A wall with its mucosa, and inside gas over fluid, stool or swallowed contrast."""
    depth = place.depth_mm()
    wall = np.clip((3.0 - depth) / max(min(place.geometry.spacing_mm), 0.8) + 0.5, 0, 1)
    filling = {"stomach": "gastric_content", "colon": "bowel_content", "rectum": "bowel_content"}
    content = np.float32(place.hu_of(filling.get(place.tissue, "bowel_fluid"))) + 8 * place.texture("cloud")
    if place.tissue in ("colon", "rectum"):
        content += 25 * place.texture("grain") - 150 * np.maximum(place.texture("fine") - 1.3, 0)
    if place.tissue in ("stomach", "small_bowel", "duodenum") and place.contents.random() < 0.3:
        swallowed = np.float32(place.hu_of("oral_contrast"))
        content += (swallowed - content) * np.clip(place.texture("wide") * 2 + 0.6, 0, 1)
    share = {"stomach": 0.1, "colon": 0.35, "rectum": 0.2, "duodenum": -0.6, "small_bowel": -1.3}[place.tissue]
    gas = np.clip((_above(place) + np.float32(14 * share) + 5 * _flat(place)) / 1.5 + 0.5, 0, 1)
    content += gas * (np.float32(place.hu_of("bowel_gas")) - content)
    hu: Field = content + wall * (np.float32(place.hu_of(place.tissue)) - content)
    return hu


def _above(place: Place) -> Field:
    """Millimetres in front of the middle of the structure at each spot: gas rises, its lower face is level."""
    axis = int(np.argmax([abs(direction[1]) for direction in place.geometry.directions]))
    front = np.broadcast_to(-place.along((0.0, 1.0, 0.0)), place.mask.shape)
    sigma = [8.0 / step for step in place.geometry.spacing_mm]
    sigma[axis] = 0.0
    count = ndimage.gaussian_filter(place.mask.sum(axis=axis, keepdims=True).astype(np.float32), sigma)
    total = ndimage.gaussian_filter((front * place.mask).sum(axis=axis, keepdims=True).astype(np.float32), sigma)
    above: Field = front - total / np.maximum(count, 1e-3)
    return above


def _flat(place: Place) -> Field:
    """Slow noise that does not change from front to back."""
    axis = int(np.argmax([abs(direction[1]) for direction in place.geometry.directions]))
    return place.texture("wide").take([0], axis=axis)
