"""What drawn masks alone say of a tumour: its volume, and how far it passes the muscularis. No network is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.finding import FindingWarning, Measurement
from abdominal_oncology.rectal.extramural import DEPTH_CLASSES, ExtramuralSpread, extramural_spread
from abdominal_oncology.rectal.tumour_volume import tumour_volume
from abdominal_oncology.rectal.words import RECTUM, TUMOUR

CONTRADICTED = "depth-contradicts"


@dataclass(frozen=True)
class Measured:
    """Measurements of the masks there are; ``spread`` is None where it could not be measured."""

    measurements: tuple[Measurement, ...] = ()
    spread: ExtramuralSpread | None = None
    warnings: tuple[FindingWarning, ...] = ()


def measure_masks(masks: Mapping[str, Image]) -> Measured:
    """``masks`` by role (``tumour``, ``rectum``) on one grid. A rectum drawn without its tumour is told, not used."""
    if TUMOUR not in masks:
        return Measured()
    volume = tumour_volume(masks[TUMOUR]).measurement()
    if RECTUM not in masks:
        return Measured((volume,))
    try:
        spread = extramural_spread(masks[TUMOUR], masks[RECTUM])
    except (InvalidInputError, EmptyMaskError) as trouble:
        text = f"the depth of spread was not measured: {trouble}"
        return Measured((volume,), warnings=(FindingWarning("depth-not-measured", text),))
    return Measured((spread.measurement(), volume), spread)


def contradiction(stage: str | None, spread: ExtramuralSpread | None) -> list[FindingWarning]:
    """Where every depth that the masks leave possible belongs to the other stage.

    The masks are somebody's drawing, so less than 1 mm beyond the wall contradicts nothing.
    """
    if stage is None or spread is None:
        return []
    drawn = f"the drawn masks show the tumour {spread.depth_mm:.1f} mm beyond the muscularis ({spread.depth_class})"
    if stage == "T2" and DEPTH_CLASSES.index(spread.possible_classes[0]) > DEPTH_CLASSES.index("<1 mm"):
        return [FindingWarning(CONTRADICTED, f"the network says T2, but {drawn}: look at both")]
    if stage == "T3" and spread.depth_mm == 0 and not spread.unmeasured_slices:
        text = "the network says T3, but the drawn masks show the tumour within the wall in every slice: look at both"
        return [FindingWarning(CONTRADICTED, text)]
    return []
