"""What a room's panel says; all else is :class:`~abdominal_oncology.panels.widget.PanelWidget`'s."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from abdominal_oncology.report import Report
    from abdominal_oncology.worker.jobs.request import JobRequest, JobResult


class RoomPanel(ABC):
    """The questions that every panel answers."""

    room: ClassVar[str]
    """Clinical room: names the bundles, the training and the sample patient."""
    without_model: ClassVar[str] = ""
    """What answers when no model does, for the model chooser; "" where a model is needed."""
    encodings: ClassVar[Sequence[tuple[str, str]]] = ()
    """Label encodings that a training may use: what a person reads, and the loss as the command line takes it."""

    @abstractmethod
    def why_not(self) -> str:
        """ "" when Apply can run with the parameters as they are, else the reason, translated."""

    @abstractmethod
    def inputs(self) -> Sequence[Any]:
        """The nodes that a run needs until it is over; deleting one of them stops it."""

    @abstractmethod
    def request(self) -> JobRequest:
        """From ``self.parameters``, quickly: readers of nodes, no copies. What is wrong is a named error."""

    @abstractmethod
    def show(self, result: JobResult) -> Iterator[None] | None:
        """Write the answer to the scene and show it.

        What takes longer than a blink is a generator: at each ``yield`` the window may breathe.
        """

    @abstractmethod
    def show_stored(self) -> None:
        """Show what the scene already holds for the parameters (a scene that was opened), or an empty box."""

    @abstractmethod
    def report(self) -> Report:
        """What is exported: of the results in the scene, also of one that was opened."""

    @abstractmethod
    def place(self, row: int) -> None:
        """A row of the results was chosen: go to its place in the images."""

    @abstractmethod
    def fill_inputs(self) -> None:
        """Choose something sensible from the scene for each parameter that is empty."""

    @abstractmethod
    def sample_made(self, volumes: Any) -> None:
        """The sample patient is in the scene, ``volumes`` by role: choose its nodes as inputs."""

    @abstractmethod
    def bind(self) -> None:
        """Connect the room's own widgets; called once, when ``self.ui`` and the boxes are there."""

    @abstractmethod
    def refresh(self) -> None:
        """Bring the room's own widgets to what ``self.parameters`` say; called at each change."""
