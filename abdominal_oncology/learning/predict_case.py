"""From a case to its finding: prepare, answer, decide."""

from __future__ import annotations

import time
from dataclasses import replace

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding, FindingWarning
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.samples import Samples
from abdominal_oncology.learning.task import Task
from abdominal_oncology.progress import Progress, part, silent


def predict_case(case: Case, task: Task, predictor: Predictor, progress: Progress = silent) -> Finding:
    """The finding of one case; its time is that of the whole."""
    check_task(task, predictor)
    started = time.perf_counter()
    samples = task.samples(case, predictor.model.facts.preparation, part(progress, 0.0, 0.5))
    return answer_case(case, samples, task, predictor, part(progress, 0.5, 1.0), time.perf_counter() - started)


def answer_case(
    case: Case,
    samples: Samples,
    task: Task,
    predictor: Predictor,
    progress: Progress = silent,
    seconds_before: float = 0.0,
) -> Finding:
    """The finding from samples that were prepared in ``seconds_before``. What the predictor had to do is in it."""
    started = time.perf_counter()
    answers = predictor.run(samples.inputs, progress)
    provenance = predictor.provenance()
    finding = task.decide(case, samples, answers, predictor.model.facts, provenance)
    seconds = seconds_before + time.perf_counter() - started
    told = {warning.message for warning in finding.warnings}
    notes = [FindingWarning("prediction-went-on", note) for note in answers.notes if note not in told]
    made_by = replace(
        finding.provenance,
        seconds=round(seconds, 4),
        settings={**provenance.settings, **finding.provenance.settings},
    )
    return replace(finding, provenance=made_by).with_warnings(notes)


def check_task(task: Task, predictor: Predictor) -> None:
    """A bundle answers the question that it was trained for, no other."""
    facts = predictor.model.facts
    if facts.task != task.name:
        raise InvalidInputError(
            f"this bundle is for the task {facts.task}, not {task.name}",
            where=facts.name,
            remedy=f"name a bundle for {task.name}",
        )
