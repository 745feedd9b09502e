"""The question of a liver lesion as the learning layer sees it: a patch per lesion in, a finding per case out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.hcc import networks
from abdominal_oncology.hcc.answer_lesions import Askable, askable
from abdominal_oncology.hcc.bundles import BUNDLES
from abdominal_oncology.hcc.case import MultiphaseCase
from abdominal_oncology.hcc.finding import case_finding, lesion_finding
from abdominal_oncology.hcc.lesion_answers import answers_of
from abdominal_oncology.hcc.lesion_input import LesionPreparation
from abdominal_oncology.hcc.measure import LesionMeasurements, measure_prepared
from abdominal_oncology.hcc.phase_roles import PHASES, PLAIN
from abdominal_oncology.hcc.prepare import prepare
from abdominal_oncology.hcc.training import asked, default_recipe, phantom_samples, published_recipe
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding, Provenance
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import Labelled, Samples
from abdominal_oncology.learning.task import About
from abdominal_oncology.progress import Progress, part, silent

__all__ = ["TASK", "HccTask", "networks"]  # the last is imported to be registered

LIVER, LESIONS = "liver", "lesions"


class HccTask:
    """See :class:`~abdominal_oncology.learning.task.Task`."""

    name = "hcc"
    question = "hcc"
    roles: tuple[str, ...] = PHASES
    modality = Modality.CT
    bundles = BUNDLES
    about = About(
        "Gives the probability that an outlined focal liver lesion is a hepatocellular carcinoma, from networks for "
        "HCC and three LI-RADS features and from measured features, beside a LI-RADS v2018 category. Research use "
        "only.",
        "Adults at risk of HCC; arterial, portal venous and delayed CT; lesions and liver outlined on the portal "
        "phase. Not after treatment of the lesion, not for children, MR or ultrasound. It does not find lesions.",
        (
            "E. Sarfati, A. Bône, M-M. Rohé, C. Aubé, M. Ronot, P. Gori, I. Bloch: Guiding the classification of "
            "hepatocellular carcinoma on 3D CT-scans using deep and handcrafted radiological features",
            "ACR CT/MRI LI-RADS v2018",
        ),
    )

    def recipe(self, network: str = "", published: bool = False) -> Recipe:
        make = published_recipe if published else default_recipe
        return make(network) if network else make()

    def asked(self, recipe: Recipe, question: str) -> Recipe:
        """The recipe for one of the features' networks: see :class:`~abdominal_oncology.learning.task.AsksMore`."""
        return asked(recipe, question)

    def samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        """One patch for each lesion that networks can be asked about; the context is what was measured on all."""
        settings = LesionPreparation.from_mapping(preparation)
        prepared = prepare(multiphase_case(case), progress=part(progress, 0.0, 0.6))
        measured = tuple(measure_prepared(prepared, part(progress, 0.6, 1.0)))
        cut = askable(prepared, measured, settings)
        if cut.inputs is None:
            raise MissingInputError(
                cut.remarks[0][0].message,
                where=f"case {case.case}",
                remedy="give all three phases, or go on without networks (abdominal-oncology hcc): measured features "
                "and LI-RADS need no delayed phase",
            )
        return Samples(cut.inputs, context=_Lesions(measured, cut))

    def training_samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        """The patch of the one lesion that the case's label speaks of; the context is what was measured on it."""
        whole = self.samples(case, preparation, progress)
        measured = _lesions(whole).measured
        if len(measured) != 1:
            raise InvalidInputError(
                f"{len(measured)} lesions are outlined, and a case of a training has one label",
                where=f"case {case.case}, mask.{LESIONS}",
                remedy="give every lesion a row of its own with a mask of it alone; its patient keeps them together",
            )
        return Samples(whole.inputs, context=measured[0])

    def phantoms(self, count: int, seed: int, recipe: Recipe, progress: Progress = silent) -> Iterator[Labelled]:
        return phantom_samples(count, seed, recipe, progress)

    def decide(
        self, case: Case, samples: Samples, answers: Answers, facts: BundleFacts, provenance: Provenance
    ) -> Finding:
        """A finding per lesion, and the case's from them."""
        known = _lesions(samples)
        told = known.cut.spread(answers_of(answers, facts.network))
        lesions = [
            lesion_finding(
                replace(each, warnings=(*each.warnings, *more)), answers=answer, facts=facts, provenance=provenance
            )
            for each, (answer, more) in zip(known.measured, told, strict=True)
        ]
        return case_finding(case.case, lesions, provenance)


def multiphase_case(case: Case) -> MultiphaseCase:
    """A manifest's or scene's case as this room's: images by phase, masks ``liver``, ``lesions`` and of other organs.

    Masks ``liver.arterial`` … are the liver as outlined on other phases.
    """
    if LESIONS not in case.masks:
        raise MissingInputError(
            "the lesions' outline is missing",
            where=f"case {case.case}",
            remedy=f"name a label map in the manifest's column mask.{LESIONS}: each label is a lesion",
        )
    livers = {role.removeprefix(f"{LIVER}."): mask for role, mask in case.masks.items() if role.startswith(f"{LIVER}.")}
    organs = {
        role: mask for role, mask in case.masks.items() if role not in (LIVER, LESIONS) and not role.startswith(LIVER)
    }
    return MultiphaseCase.of(
        arterial=case.images.get("arterial"),
        portal=case.images.get("portal"),
        delayed=case.images.get("delayed"),
        non_contrast=case.images.get(PLAIN),
        liver=case.masks.get(LIVER),
        lesions=case.masks[LESIONS],
        livers=livers,
        organs=organs,
        name=case.case,
    )


@dataclass(frozen=True)
class _Lesions:
    """What deciding needs again of a case."""

    measured: tuple[LesionMeasurements, ...]
    cut: Askable


def _lesions(samples: Samples) -> _Lesions:
    assert isinstance(samples.context, _Lesions)
    return samples.context


TASK = HccTask()
