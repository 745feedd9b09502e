"""The rectal question as the learning layer sees it: one T2-weighted volume in, stage T2 or T3 out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding, Provenance
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import Labelled, Samples
from abdominal_oncology.learning.task import About
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.rectal import networks
from abdominal_oncology.rectal.bundles import BUNDLES
from abdominal_oncology.rectal.finding import stage_finding
from abdominal_oncology.rectal.header_checks import header_warnings
from abdominal_oncology.rectal.operating import operating_table
from abdominal_oncology.rectal.prepare import VolumePreparation
from abdominal_oncology.rectal.samples import ROLE, StageContext, case_masks, stage_samples
from abdominal_oncology.rectal.training import default_recipe, phantom_samples, published_recipe

__all__ = ["TASK", "RectalTask", "networks"]  # the last is imported to be registered


class RectalTask:
    """See :class:`~abdominal_oncology.learning.task.Task`."""

    name = "rectal"
    question = "stage"
    roles: tuple[str, ...] = (ROLE,)
    modality = Modality.MR
    bundles = BUNDLES
    about = About(
        "Tells rectal cancer of stage T2 from stage T3 on one axial T2-weighted MR volume, beside the measured depth "
        "of extramural spread where tumour and rectum are drawn. Research use only.",
        "Adults with a rectal tumour already known, axial T2-weighted turbo spin echo, slices of 2-5 mm. Not for T1 or "
        "T4, after chemoradiotherapy, mucinous tumours, or volumes without a tumour: it always answers T2 or T3.",
        (
            "J. Lee, J. Oh, I. Shin, Y. Kim, D. K. Sohn, T. Kim, I. S. Kweon: Moving from 2D to 3D: volumetric medical "
            "image classification for rectal cancer staging",
        ),
    )

    def recipe(self, network: str = "", published: bool = False) -> Recipe:
        make = published_recipe if published else default_recipe
        return make(network) if network else make()

    def samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        """The slices about the region: where masks ``tumour`` or ``rectum`` are, else where it is located."""
        settings = VolumePreparation.from_mapping(preparation)
        return stage_samples(case.read_image(ROLE), settings, masks=case_masks(case), progress=progress)

    def training_samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        """The same with the manifest's representative slices marked."""
        settings = VolumePreparation.from_mapping(preparation)
        return stage_samples(
            case.read_image(ROLE), settings, masks=case_masks(case), representative=case.slices, progress=progress
        )

    def phantoms(self, count: int, seed: int, recipe: Recipe, progress: Progress = silent) -> Iterator[Labelled]:
        return phantom_samples(count, seed, recipe, progress)

    def decide(
        self, case: Case, samples: Samples, answers: Answers, facts: BundleFacts, provenance: Provenance
    ) -> Finding:
        context = samples.context
        if not isinstance(context, StageContext):
            raise InvalidInputError("a rectal stage is decided on samples that this task prepared")
        reader = case.image(ROLE)
        stack = context.prepared.plane.geometry(reader.geometry)
        return stage_finding(
            case.case,
            context.prepared,
            answers,
            facts,
            provenance,
            placed=context.placed,
            masks=context.masks,
            warnings=header_warnings(reader.source.header, stack),
        )

    def decision_table(self, predictions: Predictions) -> Mapping[str, Any]:
        """Operating points (:func:`~.operating.operating_table`); none where only one stage was held out."""
        return operating_table(predictions) if len(set(predictions.truth.tolist())) == 2 else {}


TASK = RectalTask()
