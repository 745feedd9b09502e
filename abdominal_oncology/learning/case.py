"""Case: the images and masks of one decision, opened but not yet read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader, read_image


@dataclass(frozen=True)
class Case:
    """Readers by role (``ct``, ``arterial``, ``liver`` …). ``slices`` are the representative ones, if there are any."""

    case: str
    patient: str = ""
    study: str = ""
    images: Mapping[str, SliceReader] = field(default_factory=dict)
    masks: Mapping[str, SliceReader] = field(default_factory=dict)
    slices: tuple[int, ...] = ()

    @classmethod
    def of_images(cls, case: str, images: Mapping[str, Image], masks: Mapping[str, Image] | None = None) -> Case:
        """A case from images in memory.

        >>> import numpy as np
        >>> from abdominal_oncology.imaging.geometry import Geometry
        >>> image = Image(np.zeros((2, 3, 3), np.int16), Geometry((2, 3, 3)))
        >>> Case.of_images("1", {"ct": image}).image("ct").geometry.shape
        (2, 3, 3)
        """
        first = next(iter(images.values()))
        return cls(
            case,
            first.source.patient_id,
            first.source.study_uid,
            {role: ArrayReader(image) for role, image in images.items()},
            {role: ArrayReader(mask) for role, mask in (masks or {}).items()},
        )

    def image(self, role: str) -> SliceReader:
        return self._one(self.images, role, "image")

    def mask(self, role: str) -> SliceReader:
        return self._one(self.masks, role, "mask")

    def read_image(self, role: str) -> Image:
        return read_image(self.image(role))

    def read_mask(self, role: str) -> Image:
        return read_image(self.mask(role))

    def _one(self, readers: Mapping[str, SliceReader], role: str, kind: str) -> SliceReader:
        if role not in readers:
            raise MissingInputError(
                f"this case has no {kind} {role!r}; it has {', '.join(readers) or 'none'}",
                where=f"case {self.case}",
                remedy=f"name the {kind} in the manifest's column {kind}.{role}",
            )
        return readers[role]
