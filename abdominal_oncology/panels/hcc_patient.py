"""What is known of the patient: whether LI-RADS is for them, and how large each lesion was on an earlier study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.panels.boxes.fragment import say
from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.hcc.lirads.growth import PriorSize
    from abdominal_oncology.hcc.lirads.population import Population

_RISKS = {"cirrhosisCheckBox": "cirrhosis", "hepatitisBCheckBox": "hbv", "hccHistoryCheckBox": "hcc-history"}
_NO_RISK = "noRiskCheckBox"
_FACTS = {
    **_RISKS,
    _NO_RISK: "none",
    "under18CheckBox": "under-18",
    "congenitalFibrosisCheckBox": "congenital-fibrosis",
    "vascularCirrhosisCheckBox": "vascular-cirrhosis",
    "treatedCheckBox": "treated",
    "pathologyCheckBox": "pathology-proven",
}
"""Names of the check boxes and of the facts that they state."""
_DAY = "yyyy-MM-dd"


class PatientBox:
    """Check boxes, two days and what follows from them. ``on_fact(fact, ticked)`` and ``on_day(parameter, day)`` hear
    what a person says.
    """

    def __init__(self, ui: Any, on_fact: Callable[[str, bool], None], on_day: Callable[[str, str], None]) -> None:
        self.ui = ui
        self._boxes = {fact: getattr(ui, name) for name, fact in _FACTS.items()}
        for fact, box in self._boxes.items():
            box.connect("toggled(bool)", partial(on_fact, fact))
        self._days = {"priorDate": ui.priorDateEdit, "studyDate": ui.studyDateEdit}
        for name, edit in self._days.items():
            edit.date = edit.minimumDate
            edit.connect("dateChanged(QDate)", partial(self._chosen, name, on_day))

    def show(self, parameters: Any) -> None:
        """What the parameters say, and what it means."""
        import qt  # type: ignore[import-not-found]  # PythonQt's, in the Slicer application

        for name, edit in self._days.items():
            text = getattr(parameters, name)
            edit.blockSignals(True)
            edit.date = qt.QDate.fromString(text, _DAY) if text else edit.minimumDate
            edit.blockSignals(False)
        facts = set(parameters.patientFacts)
        for fact, box in self._boxes.items():
            box.blockSignals(True)
            box.checked = fact in facts
            box.blockSignals(False)
        has_risk, no_risk = bool(facts & set(_RISKS.values())), _FACTS[_NO_RISK] in facts
        self._boxes[_FACTS[_NO_RISK]].enabled = no_risk or not has_risk
        for fact in _RISKS.values():
            self._boxes[fact].enabled = has_risk or not no_risk
        say(self.ui.priorNote, patient_trouble(parameters))
        say(self.ui.populationLabel, _population_trouble(parameters) or applies_text(population_of(parameters)))

    def _chosen(self, name: str, on_day: Callable[[str, str], None], value: Any) -> None:
        edit = self._days[name]
        day = edit.date.toString(_DAY)
        on_day(name, "" if day == edit.minimumDate.toString(_DAY) else day)


@dataclass(frozen=True)
class PatientFacts:
    """``priors`` by the identifier of the lesion's segment, None where a person says that there is none."""

    population: Population
    priors: dict[str, PriorSize | None] = field(default_factory=dict)
    imaged_on: date | None = None


def facts_of(parameters: Any) -> PatientFacts:
    """What the parameters say; a date that contradicts another is a named error."""
    imaged_on = day(parameters.studyDate)
    return PatientFacts(population_of(parameters), _priors(parameters, imaged_on), imaged_on)


def population_of(parameters: Any) -> Population:
    """From the check boxes."""
    from abdominal_oncology.hcc.lirads.population import Population

    return Population.of(*parameters.patientFacts)


def applies_text(population: Population) -> str:
    """Whether LI-RADS applies, and why not."""
    from abdominal_oncology.hcc.lirads.population import Applies

    applies = population.applies()
    if applies is Applies.YES:
        return tr("LI-RADS applies.")
    if applies is Applies.UNCONFIRMED:
        return tr("Tick what is known. Until then a category counts as not confirmed.")
    return tr("LI-RADS does not apply: {why}. No category is given.").format(
        why="; ".join(population.reasons_outside())
    )


def known_facts(parameters: Any) -> PatientFacts | None:
    """What can be counted on already: an earlier size that is not well dated counts for nothing yet; None where the
    patient has a risk and none.
    """
    if _population_trouble(parameters):
        return None
    if patient_trouble(parameters):
        undated = dict.fromkeys(parameters.earlierSizes)
        return PatientFacts(population_of(parameters), undated, day(parameters.studyDate))
    return facts_of(parameters)


def patient_trouble(parameters: Any) -> str:
    """ "" or what contradicts itself, for a person to put right."""
    try:
        facts_of(parameters)
    except InvalidInputError as wrong:
        return _sentence(wrong)
    return ""


class PatientMemory:
    """Notices that other images or outlines were chosen, and takes back what was said of the former ones.

    It knows them by identifier: nodes that were deleted must not be kept alive.
    """

    def __init__(self, parameters: Any) -> None:
        self._parameters = parameters
        self._segmentation, self._portal = _id(parameters.segmentation), _id(parameters.portalVolume)
        self._patient = patient_of(parameters.portalVolume)

    def is_of(self, parameters: Any) -> bool:
        """Whether it remembers these parameters; those of a scene that was opened are as they were saved."""
        return parameters is self._parameters

    def notice(self) -> None:
        """Compare with what was chosen before; a choice that is empty for a moment is no other choice."""
        chosen = self._parameters
        segmentation, portal = _id(chosen.segmentation), _id(chosen.portalVolume)
        if segmentation and segmentation != self._segmentation:
            known, self._segmentation = self._segmentation, segmentation
            if known:
                chosen.lesionTicks, chosen.earlierSizes = {}, {}
        if portal and portal != self._portal:
            known, self._portal = self._portal, portal
            patient, self._patient = self._patient, patient_of(chosen.portalVolume)
            if known:
                chosen.studyDate = study_date(chosen.portalVolume)
            if known and patient != self._patient:
                forget_patient(chosen)


def _id(node: Any) -> str:
    return "" if node is None else str(node.GetID())


def forget_patient(parameters: Any) -> None:
    """Nothing is known of whoever is looked at next."""
    parameters.patientFacts, parameters.earlierSizes, parameters.priorDate = [], {}, ""


def patient_of(node: Any) -> str:
    """The patient's id, as the subject hierarchy tells; "" where it does not."""
    from abdominal_oncology.scene.hierarchy import place_of

    return "" if node is None else place_of(node).patient_id


def study_date(node: Any) -> str:
    """When a volume was acquired (``2024-05-31``), by its study in the subject hierarchy or its DICOM attribute; ""
    where neither tells.
    """
    from abdominal_oncology.scene.hierarchy import place_of

    told = place_of(node).study_date or node.GetAttribute("DICOM.StudyDate") or ""
    digits = "".join(sign for sign in told if sign.isdigit())[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).isoformat()
    except ValueError:
        return ""


def _population_trouble(parameters: Any) -> str:
    try:
        population_of(parameters)
    except InvalidInputError as wrong:
        return _sentence(wrong)
    return ""


def _sentence(wrong: InvalidInputError) -> str:
    text = str(wrong)
    return text[:1].upper() + text[1:]


def day(text: str) -> date | None:
    """A day as the parameters keep it (``2024-05-31``); None where none is known.

    >>> day("2024-05-31"), day("")
    (datetime.date(2024, 5, 31), None)
    """
    return date.fromisoformat(text) if text else None


def _priors(parameters: Any, imaged_on: date | None) -> dict[str, PriorSize | None]:
    from abdominal_oncology.hcc.lirads.growth import PriorSize

    priors: dict[str, PriorSize | None] = dict.fromkeys(parameters.earlierSizes)
    sizes = {segment: size for segment, size in parameters.earlierSizes.items() if size > 0}
    earlier = day(parameters.priorDate)
    if sizes and earlier is None:
        raise InvalidInputError(tr("an earlier size needs the day of the earlier study"))
    for segment, size in sizes.items():
        prior = PriorSize(size, on=earlier, modality=parameters.priorModality.lower())
        prior.months_before(imaged_on)  # one that is not earlier is refused here
        priors[segment] = prior
    return priors
