"""What this project raises when it cannot go on.

Every error says three things a person needs: what is wrong, where (a file, a node, a row), and what to do about it.
Code catches :class:`AbdominalOncologyError`; a batch turns it into a row with its reason and goes on.

>>> print(MissingInputError("no images here", where="scans/empty", remedy="choose a folder with DICOM files"))
no images here [scans/empty]. To go on: choose a folder with DICOM files.
"""

from __future__ import annotations

from os import PathLike, fspath


class AbdominalOncologyError(Exception):
    """Base of every error this project raises on purpose."""

    def __init__(self, problem: str, *, where: str | PathLike[str] = "", remedy: str = "") -> None:
        self.problem = problem
        self.where = fspath(where)
        self.remedy = remedy
        super().__init__(problem, self.where, remedy)

    def __str__(self) -> str:
        place = f" [{self.where}]" if self.where else ""
        way_out = f". To go on: {self.remedy}." if self.remedy else ""
        return f"{self.problem}{place}{way_out}"

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only arguments do not survive the default pickling, and reader processes send errors home
        return _rebuild, (type(self), self.problem, self.where, self.remedy)


def _rebuild(kind: type[AbdominalOncologyError], problem: str, where: str, remedy: str) -> AbdominalOncologyError:
    return kind(problem, where=where, remedy=remedy)


class InvalidInputError(AbdominalOncologyError, ValueError):
    """A value that cannot mean anything: negative spacing, a sheared grid, an unknown unit."""


class MissingInputError(AbdominalOncologyError):
    """Something asked for is not there: a file, a folder without images, a segment."""


class UnreadableFileError(AbdominalOncologyError):
    """A file exists but is not what it should be: truncated, not an image, an unknown compression."""


class ChangedFileError(UnreadableFileError):
    """A file changed between looking at its header and reading its pixels."""


class InconsistentSeriesError(AbdominalOncologyError):
    """The files of one series do not make one volume: mixed orientations or sizes, missing slices, duplicates."""


class WrongModalityError(AbdominalOncologyError):
    """The image is not of the kind that the question needs (CT, MR, a photograph of a screen)."""


class GeometryMismatchError(AbdominalOncologyError):
    """Two images that must share or overlap a grid do not."""


class DifferentPatientsError(InvalidInputError):
    """Images that must show one patient carry different patient ids."""


class EmptyMaskError(AbdominalOncologyError):
    """A mask or segment without a voxel where one was needed."""


class SceneError(AbdominalOncologyError):
    """The scene cannot give or take what was asked: deleted node, no image data, non-linear transform."""


class MissingDependencyError(AbdominalOncologyError):
    """An optional package is needed for this one feature and is not installed."""


class Cancelled(AbdominalOncologyError):
    """The user asked to stop; nothing half-written is left behind."""


class TrainingStoppedError(AbdominalOncologyError):
    """A training cannot go on (loss not finite, disk full); its last good state is kept."""


class PredictionFailedError(AbdominalOncologyError):
    """A model gives no usable answer: values that are not finite, or too little memory for a single sample."""


class FileRefusedError(AbdominalOncologyError):
    """The system will not read or write a file: the disk is full, the folder is another's."""
