"""What a panel can do without a window; mixed into the module's ScriptedLoadableModuleLogic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from abdominal_oncology.phantom.result import Phantom
    from abdominal_oncology.progress import Progress
    from abdominal_oncology.worker.jobs.request import JobRequest, JobResult
    from abdominal_oncology.worker.models import Models


class ImagePanelLogic(ABC):
    """Do jobs; summarise a volume; make a sample patient. Usable from a script:
    ``PhaseClassifierLogic().summarise(node)``.

    A module's logic says which modality its question is about and which phantom is its sample.
    """

    expects: ClassVar[str]
    sample_role: ClassVar[str]
    _models: Models | None = None

    @abstractmethod
    def phantom(self) -> Phantom:
        """The sample patient: made on the spot, always the same, nothing is downloaded."""

    def runJob(self, request: JobRequest, progress: Progress | None = None) -> JobResult:
        """Do here and now what the panel has its worker do, on voxels where they lie. Networks stay warm."""
        from abdominal_oncology.progress import silent
        from abdominal_oncology.worker.jobs import find_job
        from abdominal_oncology.worker.jobs.request import JobContext
        from abdominal_oncology.worker.models import Models

        if self._models is None:  # one without a loaded network counts as empty, and is kept all the same
            self._models = Models()
        return find_job(request.name)(request, JobContext(self._models, progress or silent))

    def releaseModels(self) -> None:
        """Give the memory of networks back; they load again on use."""
        if self._models is not None:
            self._models.close()

    def summarise(self, volume: Any, replacing: Any = None) -> Any:
        """A table node beside ``volume`` with the facts of its image; ``replacing`` (a former table) is removed."""
        from abdominal_oncology import scene
        from abdominal_oncology.panels.facts import fact_rows

        image = scene.image_from_volume_node(volume)
        table = scene.table_node_from_rows(
            fact_rows(image, self.expects),
            f"{volume.GetName()} summary",
            descriptions={"unit": "UCUM", "value": "numbers of one row are in the order of its first cell"},
            beside=volume,
        )
        if replacing is not None and replacing.GetScene() is not None:
            replacing.GetScene().RemoveNode(replacing)
        return table

    def create_sample_data(self) -> Any:
        """The phantom as a study in the scene; gives the volume node that the panel's question is about."""
        from abdominal_oncology import scene

        patient = self.phantom()
        labels = {role: label for role, label in patient.labels.items() if role in patient.images}
        study = scene.put_study(patient.images, labels, patient.label_names)
        return study.volumes[self.sample_role]
