"""Findings of many cases: readers ahead of the network, one file per case, the table at the end.

A second run does what is missing, what failed, and what another model or other files had answered. A bad case is a row
with its reason and never the end of the batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from abdominal_oncology.errors import AbdominalOncologyError, Cancelled, InvalidInputError
from abdominal_oncology.learning.batch_cases import BatchCase, Shard
from abdominal_oncology.learning.batch_files import TABLE, BatchFolder, CaseResult
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.predict_case import answer_case, check_task
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.read_ahead import ReadAhead
from abdominal_oncology.learning.samples import Samples
from abdominal_oncology.learning.task import Task
from abdominal_oncology.progress import Progress, silent

CASE_TROUBLES = (AbdominalOncologyError, OSError, ValueError, ArithmeticError, LookupError, RuntimeError, MemoryError)
"""What the files of one case can cause, here or in a library. Anything else is a mistake of ours and ends the batch."""


@dataclass(frozen=True)
class BatchSummary:
    """``results`` are of all cases that have one, of other shards too; the names tell this run's share of the work."""

    table: Path
    results: tuple[CaseResult, ...]
    answered: tuple[str, ...]
    kept: tuple[str, ...]
    failed: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True)
class _Ready:
    case: Case
    samples: Samples
    inputs: dict[str, str]
    seconds: float


def predict_cases(
    cases: Sequence[BatchCase],
    task: Task,
    predictor: Predictor,
    folder: Path,
    *,
    shard: Shard = Shard(),  # noqa: B008 - frozen
    readers: int = 2,
    progress: Progress = silent,
) -> BatchSummary:
    """Answer every case of ``shard`` that ``folder`` has no valid finding of, then make the table.

    ``readers`` threads open and prepare at most two cases ahead. Raising Cancelled from ``progress`` stops between two
    batches of a case; what was finished stays, and the next run goes on from there.
    """
    check_task(task, predictor)
    if not cases:
        raise InvalidInputError("there are no cases to predict", remedy="name a manifest or folder with cases")
    results = BatchFolder(folder)
    model = predictor.model
    mine = shard.of(cases)
    todo = [case for case in mine if not results.holds(case.case, model.sha256, case.inputs())]
    places = {case.case: number for number, case in enumerate(todo)}
    answered: list[str] = []
    failed: list[str] = []

    def prepare(case: BatchCase, listen: Progress) -> _Ready | Exception:
        started = time.perf_counter()
        try:
            inputs = dict(case.inputs())  # before reading: a file that changes meanwhile must count as changed
            opened = case.open()
            samples = task.samples(opened, model.facts.preparation, listen)
            return _Ready(opened, samples, inputs, time.perf_counter() - started)
        except CASE_TROUBLES as error:
            return error

    def tell(case: BatchCase, fraction: float = 0.0) -> None:
        number = places[case.case]
        progress((number + fraction) / len(todo), f"case {case.case} ({number + 1} of {len(todo)})")

    with ReadAhead(prepare, todo, readers, wait=tell) as ahead:
        for case, ready in ahead:
            tell(case)
            result = _result(case, ready, task, predictor, partial(_listen, tell, case))
            results.write(result)
            (failed if result.finding is None else answered).append(case.case)
    progress(1.0, "making the table")
    done = {*answered, *failed}
    return collect(cases, folder, tuple(answered), tuple(c.case for c in mine if c.case not in done), tuple(failed))


def _result(
    case: BatchCase, ready: _Ready | Exception, task: Task, predictor: Predictor, progress: Progress
) -> CaseResult:
    try:
        if isinstance(ready, Exception):
            raise ready
        finding = answer_case(ready.case, ready.samples, task, predictor, progress, ready.seconds)
        return CaseResult.of_finding(case.case, case.patient, finding, ready.inputs)
    except Cancelled:
        raise
    except CASE_TROUBLES as error:
        return CaseResult.of_error(case.case, case.patient, error)


def _listen(tell: Callable[[BatchCase, float], None], case: BatchCase, fraction: float, stage: str) -> None:
    """One stage per case: what the predictor says of its batches would fill a log."""
    tell(case, fraction)


def collect(
    cases: Sequence[BatchCase],
    folder: Path,
    answered: tuple[str, ...] = (),
    kept: tuple[str, ...] = (),
    failed: tuple[str, ...] = (),
) -> BatchSummary:
    """Make the table of the results that are there, whoever made them."""
    results = BatchFolder(folder).collect([case.case for case in cases])
    there = {result.case for result in results}
    waiting = tuple(case.case for case in cases if case.case not in there)
    return BatchSummary(folder / TABLE, tuple(results), answered, kept, failed, waiting)
