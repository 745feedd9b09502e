"""One run of a panel: a job at the worker, and then its answer written to the scene, bit by bit.

Whatever happens on the way (cancel, a deleted input, a closed scene, a dead worker), it ends once: with results
written, or with nothing written and words in the run box.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from abdominal_oncology.errors import AbdominalOncologyError, Cancelled
from abdominal_oncology.panels.boxes.run_box import RunBox
from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.panels.session import PanelSession
    from abdominal_oncology.worker.handle import JobHandle
    from abdominal_oncology.worker.jobs.request import JobRequest, JobResult

Show = Callable[["JobResult"], "Iterator[None] | None"]


class Run:
    """``over`` is called once, when nothing of this run will happen any more."""

    def __init__(
        self, request: JobRequest, inputs: Sequence[Any], show: Show, box: RunBox, over: Callable[[], None]
    ) -> None:
        self._request, self._inputs = request, tuple(inputs)
        self._show, self._box, self._over = show, box, over
        self._job: JobHandle | None = None
        self._writing: Generator[None] | None = None
        self._is_over = False

    def start(self, session: PanelSession) -> None:
        from abdominal_oncology.worker.handle import Callbacks

        callbacks = Callbacks(self._box.report, self._done, self._failed, lambda line: self._box.log(str(line)))
        try:
            self._job = session.submit(self._request, callbacks)
        except AbdominalOncologyError as error:
            self._end(error)

    def cancel(self) -> None:
        """Stop the job; once its answer is being written there is nothing to stop."""
        if self._job is not None and not self._job.is_over:
            self._job.cancel()

    def abandon(self, why: Cancelled) -> None:
        """Nobody wants the answer any more: stop, and hear of nothing later."""
        if not self._is_over:
            self._end(why)
            self.cancel()

    def look_after_inputs(self) -> None:
        """A node has left the scene: without its input a run is of no use."""
        if any(node.GetScene() is None for node in self._inputs):
            self.abandon(Cancelled(tr("An input was deleted while it was needed. Nothing was written")))

    # what the worker tells

    def _done(self, result: JobResult) -> None:
        if not self._is_over:
            self._box.writing()
            self._writing = self._results(result)
            self._later()

    def _failed(self, error: AbdominalOncologyError) -> None:
        if not self._is_over:
            self._end(Cancelled(tr("Cancelled. Nothing was written")) if isinstance(error, Cancelled) else error)

    # writing, in the pauses of the window

    def _results(self, result: JobResult) -> Generator[None]:
        writing = self._show(result)
        if writing is not None:
            yield from writing

    def _later(self) -> None:
        import qt  # type: ignore[import-not-found]  # PythonQt's, in the Slicer application

        qt.QTimer.singleShot(0, self._go_on)

    def _go_on(self) -> None:
        if self._writing is None:
            return
        end: AbdominalOncologyError | None = AbdominalOncologyError(
            tr("Writing the results failed"), remedy=tr("look at Slicer's error log")
        )
        more = False
        try:
            more = not self._is_over and next(self._writing, _LAST) is not _LAST
            end = None
        except AbdominalOncologyError as error:
            end = error
        finally:  # a fault of ours goes on to Slicer, which reports it; the panel can be used all the same
            if more and not self._is_over:
                self._later()
            else:
                self._writing.close()  # takes back what is half written
                self._writing = None
                self._end(end)

    def _end(self, error: AbdominalOncologyError | None) -> None:
        if self._is_over:
            return
        self._is_over = True
        if error is None:
            self._box.finish()
        else:
            self._box.fail(error, getattr(error, "log", ()))
        self._over()


_LAST = object()
