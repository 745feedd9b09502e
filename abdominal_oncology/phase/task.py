"""The phase question as the learning layer sees it: slices in, one vote per slice, a finding per series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.axial import axial_view
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding, Provenance
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import Labelled, Samples
from abdominal_oncology.learning.task import About
from abdominal_oncology.phase import encoding_losses, networks
from abdominal_oncology.phase.bundles import BUNDLES
from abdominal_oncology.phase.checks import require_ct, slab_to_sample
from abdominal_oncology.phase.decide import finding_from_slices
from abdominal_oncology.phase.locate import locate_slab
from abdominal_oncology.phase.prepare import SlicePreparation, prepare_slices
from abdominal_oncology.phase.sampling import random_slices, uniform_slices
from abdominal_oncology.phase.training import default_recipe, phantom_samples, published_recipe
from abdominal_oncology.progress import Progress, silent

__all__ = ["TASK", "PhaseTask", "encoding_losses", "networks"]  # the last two are imported to be registered

ROLE = "ct"


class PhaseTask:
    """See :class:`~abdominal_oncology.learning.task.Task`."""

    name = "phase"
    question = "phase"
    roles: tuple[str, ...] = (ROLE,)
    modality = Modality.CT
    bundles = BUNDLES
    about = About(
        "Tells the contrast phase of an abdominal CT series from single axial slices, by majority vote, beside the "
        "kinetic estimate from measured organs. Research use only.",
        "Adults, axial CT in Hounsfield units, upper abdomen in view. Scans at the border of two phases (48-60 s, "
        "105-150 s) belong to neither. Not for children, MR, cone-beam or dual-energy maps.",
        (
            "B. T. Dao, T. V. Nguyen, H. H. Pham, H. Q. Nguyen: Phase Recognition in Contrast-Enhanced CT Scans based "
            "on Deep Learning and Random Sampling",
            "R. Muhamedrahimov, A. Bar, A. Akselrod-Ballin: Learning Interclass Relations for Image Classification",
        ),
    )

    def recipe(self, network: str = "", published: bool = False) -> Recipe:
        make = published_recipe if published else default_recipe
        return make(network) if network else make()

    def samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        """A random share of the slices of a series, or of its abdomen; only these are decoded."""
        settings = SlicePreparation.from_mapping(preparation)
        reader = _ct(case)
        within = slab_to_sample(locate_slab(reader)) if settings.region else None
        chosen = random_slices(reader.geometry.shape[0], settings.fraction * 100, settings.seed, within)
        return _prepared(case, settings, chosen, progress)

    def training_samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        """Slices spread evenly, about as many from a thick as from a thin series."""
        settings = SlicePreparation.from_mapping(preparation)
        count = _ct(case).geometry.shape[0]
        return _prepared(case, settings, uniform_slices(count, min(count, settings.training_slices)), progress)

    def phantoms(self, count: int, seed: int, recipe: Recipe, progress: Progress = silent) -> Iterator[Labelled]:
        return phantom_samples(count, seed, recipe, progress)

    def decide(
        self, case: Case, samples: Samples, answers: Answers, facts: BundleFacts, provenance: Provenance
    ) -> Finding:
        return finding_from_slices(case, samples, answers, facts, provenance)


def _ct(case: Case) -> SliceReader:
    reader = case.image(ROLE)
    require_ct(reader)
    return reader


def _prepared(case: Case, settings: SlicePreparation, chosen: NDArray[np.intp], progress: Progress) -> Samples:
    reader = _ct(case)
    view = axial_view(reader.geometry, reader.source.path or case.case)
    slices = [int(k) for k in chosen]
    progress(0.0, f"reading {len(slices)} of {reader.geometry.shape[0]} slices")
    return Samples(prepare_slices(view.apply(reader.read(slices)), settings), tuple(slices))


TASK = PhaseTask()
