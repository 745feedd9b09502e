"""T2 or T3 on one axial T2-weighted MR volume, from the image to the finding with its evidence.

Needs no torch where no predictor is handed in: the region is then shown, masks are measured, and no stage is given.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from abdominal_oncology import __version__
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import SliceReader, read_image
from abdominal_oncology.learning.finding import Finding, FindingWarning, Provenance
from abdominal_oncology.progress import Progress, part, silent
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.rectal.class_map import class_map
from abdominal_oncology.rectal.evidence import Evidence, mean_evidence
from abdominal_oncology.rectal.finding import stage_finding, unstaged_finding
from abdominal_oncology.rectal.header_checks import header_warnings
from abdominal_oncology.rectal.marks import Placed
from abdominal_oncology.rectal.mr_checks import check_magnitude_image
from abdominal_oncology.rectal.operating import operating_point
from abdominal_oncology.rectal.plane import acquisition_plane
from abdominal_oncology.rectal.prepare import PreparedVolume, VolumePreparation
from abdominal_oncology.rectal.region import require_same_grid
from abdominal_oncology.rectal.samples import StageContext, stage_samples
from abdominal_oncology.rectal.words import region_box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from abdominal_oncology.learning.predictor import Predictor

_PREPARED, _ANSWERED = 0.3, 0.85


@dataclass(frozen=True)
class StageSettings:
    """``sensitivity`` for T3, or a ``threshold`` on its probability, chooses the operating point (None: the bundle's).

    ``tta`` looks under eight views instead of one. ``bias_correction`` runs N4 before (None: as the bundle was made).
    """

    sensitivity: float | None = None
    threshold: float | None = None
    tta: bool = True
    bias_correction: bool | None = None


@dataclass(frozen=True)
class StagedVolume:
    """A finding and what it rests on. ``evidence`` and ``overlay`` (the class-activation map on the image's own grid)
    are None where no network answered."""

    finding: Finding
    prepared: PreparedVolume
    placed: Placed
    evidence: Evidence | None = None
    overlay: Image | None = None

    @property
    def box(self) -> Box:
        """What the network saw; given back to :func:`stage`, it makes the same cut."""
        return region_box(self.finding, self.prepared.geometry.directions)


_USUAL = StageSettings()


def stage(
    subject: Image | SliceReader,
    *,
    predictor: Predictor | Sequence[Predictor] | None = None,
    box: Box | None = None,
    masks: Mapping[str, Image] | None = None,
    settings: StageSettings = _USUAL,
    warnings: Sequence[FindingWarning] = (),
    progress: Progress = silent,
) -> StagedVolume:
    """Stage a volume. The region around rectum and tumour is ``box``, else that of ``masks``, else found.

    ``masks`` by role (``tumour``, ``rectum``) lie on the image's grid and are measured, too. Several predictors (of the
    folds of one training, say) answer together, and their spread is told; the first one's bundle decides. What cannot
    be staged (CT, sagittal slices, a region outside of the volume) raises a named error; doubts become warnings.
    """
    started = time.perf_counter()
    predictors = _several(predictor)
    image = subject if isinstance(subject, Image) else read_image(subject)
    known = dict(masks or {})
    for mask in known.values():
        require_same_grid(mask, image)
    check_magnitude_image(image)
    stack = acquisition_plane(image.geometry, image.source.path).geometry(image.geometry)
    told = [FindingWarning(each.code, each.message) for each in image.warnings]
    doubts = [*warnings, *told, *header_warnings(image.source.header, stack)]
    preparation = _preparation(predictors, settings)
    progress(0.0, "preparing the volume")
    samples = stage_samples(image, preparation, box=box, masks=known, progress=part(progress, 0.0, _PREPARED))
    context = samples.context
    assert isinstance(context, StageContext)
    prepared, placed, name = context.prepared, context.placed, image.source.called("volume")
    if not predictors:
        made_by = Provenance("", software=f"AbdominalOncology {__version__}", settings=_plain(settings, preparation))
        finding = unstaged_finding(name, prepared, made_by, masks=known, warnings=doubts)
        progress(1.0, "done")
        return StagedVolume(finding.taking(time.perf_counter() - started), prepared, placed)

    from abdominal_oncology.rectal.looks import EIGHT, ONE, look

    facts = predictors[0].model.facts
    point = operating_point(facts, settings.sensitivity, settings.threshold)
    (inputs,) = samples.inputs
    looked = look(predictors, inputs, EIGHT if settings.tta else ONE, part(progress, _PREPARED, _ANSWERED))
    progress(_ANSWERED, "asking which slices decided")
    evidence = _evidence(predictors, inputs)
    made_by = predictors[0].provenance()
    made_by = replace(made_by, settings={**made_by.settings, **_plain(settings, preparation)})
    finding = stage_finding(
        name,
        prepared,
        looked.answers,
        facts,
        made_by,
        evidence=evidence,
        placed=placed,
        masks=known,
        operating=point,
        looks=looked.looks,
        warnings=doubts,
    )
    overlay = class_map(evidence.maps, prepared, placed, image)
    progress(1.0, "done")
    return StagedVolume(finding.taking(time.perf_counter() - started), prepared, placed, evidence, overlay)


def _several(predictor: Predictor | Sequence[Predictor] | None) -> list[Predictor]:
    if predictor is None:
        return []
    several = list(predictor) if isinstance(predictor, Sequence) else [predictor]
    for each in several:
        facts = each.model.facts
        if facts.task != "rectal":
            raise InvalidInputError(
                f"this bundle is for the task {facts.task}, not rectal",
                where=facts.name,
                remedy="name a bundle for rectal",
            )
        first = several[0].model.facts
        if (facts.classes, facts.input_shape, dict(facts.preparation)) != (
            first.classes,
            first.input_shape,
            dict(first.preparation),
        ):
            raise InvalidInputError(
                f"{facts.name} was made for other inputs than {first.name}", remedy="name bundles of one training"
            )
    return several


def _preparation(predictors: Sequence[Predictor], settings: StageSettings) -> VolumePreparation:
    made = VolumePreparation.from_mapping(predictors[0].model.facts.preparation if predictors else {})
    return made if settings.bias_correction is None else replace(made, bias_correction=settings.bias_correction)


def _evidence(predictors: Sequence[Predictor], inputs: NDArray[np.uint8]) -> Evidence:
    from abdominal_oncology.rectal.attribution import explain

    return mean_evidence([explain(each.network(), inputs, each.model.facts.temperature) for each in predictors])


def _plain(settings: StageSettings, preparation: VolumePreparation) -> dict[str, float | bool | None]:
    return {
        "sensitivity": settings.sensitivity,
        "tta": settings.tta,
        "bias_correction": preparation.bias_correction,
    }
