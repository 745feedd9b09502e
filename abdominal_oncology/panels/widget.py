"""The behaviour of a panel; mixed into the module's ScriptedLoadableModuleWidget and VTKObservationMixin.

A room's panel is a subclass that says what is asked (``why_not``, ``inputs``, ``request``), what becomes of the answer
(``show``, ``report``, ``place``) and how empty inputs are filled (``fill_inputs``). All else is here: the parameter
node, the boxes, the run and everything that can happen to it. Methods in camel case are called by Slicer.

A panel's ``.ui`` file keeps empty widgets for the boxes: ``runPlace``, ``modelPlace``, ``resultPlace`` and
``trainingPlace``, and has a ``sampleDataButton``. Its parameter node has ``bundle: str = ""`` and
``device: str = "auto"`` beside its own parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from abdominal_oncology.errors import AbdominalOncologyError, Cancelled
from abdominal_oncology.panels.boxes.fragment import order_by_place
from abdominal_oncology.panels.boxes.model_box import ModelBox
from abdominal_oncology.panels.boxes.result_box import ResultBox
from abdominal_oncology.panels.boxes.run_box import RunBox
from abdominal_oncology.panels.boxes.training_box import TrainingBox
from abdominal_oncology.panels.logic import ImagePanelLogic
from abdominal_oncology.panels.room_panel import RoomPanel
from abdominal_oncology.panels.run import Run
from abdominal_oncology.panels.session import PanelSession, worker_session
from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.worker.jobs.request import JobRequest, JobResult


class PanelWidget(RoomPanel):
    """One panel. Slicer's classes give ``layout``, ``resourcePath``, ``addObserver`` and the like."""

    logic_class: type[ImagePanelLogic]
    moduleName: str
    parent: Any
    layout: Any
    resourcePath: Any
    addObserver: Any
    removeObserver: Any
    removeObservers: Any

    # what Slicer calls

    def setup(self) -> None:
        import slicer

        super().setup()  # type: ignore[misc]  # of Slicer's widget class, next in line
        panel = slicer.util.loadUI(self.resourcePath(f"UI/{self.moduleName}.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.logic: Any = self.logic_class()
        self.parameters: Any = None
        self._binding: Any = None
        self._run: Run | None = None
        self._refresh_waits = False
        self.run_box = RunBox(self.ui.runPlace, self.onApply, self.onCancel)
        self.model_box = ModelBox(
            self.ui.modelPlace, self.room, self.without_model, self._model_changed, self._installed
        )
        self.result_box = ResultBox(self.ui.resultPlace, self.report, self.place)
        self.training_box = TrainingBox(
            self.ui.trainingPlace, self.room, self.encodings, self._ask_networks, self._new_model
        )
        self.ui.trainingCollapsibleButton.connect("contentsCollapsed(bool)", self._training_folded)
        self.ui.sampleDataButton.connect("clicked(bool)", self.onSampleData)
        self.bind()
        order_by_place(panel)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.NodeAddedEvent, self._scene_changed)
        self.addObserver(scene, scene.NodeRemovedEvent, self._node_removed)
        self.addObserver(scene, scene.EndImportEvent, self._scene_changed)
        self._bind_current_parameters()

    def enter(self) -> None:
        """The panel is opened: a scene may have been loaded since it was last seen."""
        self._bind_current_parameters()
        self._warm()

    def exit(self) -> None:
        """Another panel is opened: this one must not react to what happens there. A run goes on."""
        if not self.is_running:
            self._bind_to(None)

    def cleanup(self) -> None:
        self._stop(tr("the panel was closed"))
        self.training_box.close()
        self._bind_to(None)
        self.removeObservers()

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        self._stop(tr("the scene was closed"))
        self._bind_to(None)
        self.result_box.show(None)

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        if self.parent.isEntered:
            self._bind_current_parameters()

    # what a person clicks

    @property
    def session(self) -> PanelSession:
        """The worker of this Slicer."""
        return worker_session()

    @property
    def is_running(self) -> bool:
        return self._run is not None

    def onApply(self) -> None:
        try:
            self.model_box.make_ready()
            if self._why_not():
                self._refresh()
                return
            request = self.request()
        except AbdominalOncologyError as error:
            self.run_box.fail(error)
            return
        self._start(request, self.inputs(), self.show)

    def onCancel(self) -> None:
        if self._run is not None:
            self.run_box.stopping()
            self._run.cancel()

    def onSampleData(self, checked: bool = False) -> None:
        """A patient of the room's phantom, painted by the worker."""
        from abdominal_oncology.worker.jobs.sample import sample_request

        if not self.is_running:
            self._start(sample_request(self.room), (), self._show_sample)

    # inside

    def _start(self, request: JobRequest, inputs: Sequence[Any], show: Any) -> None:
        self.run_box.start("" if self.session.is_free else tr("waiting for the worker to be ready"))
        self._run = Run(request, inputs, show, self.run_box, self._over)
        self.ui.sampleDataButton.enabled = False
        self._run.start(self.session)

    def _over(self) -> None:
        """A run has ended, in whatever way."""
        self._run = None
        self.ui.sampleDataButton.enabled = True
        if not self.parent.isEntered:
            self._bind_to(None)
            return
        self._refresh()
        self.model_box.show_device(self.session.device_found)
        self._warm()

    def _stop(self, why: str) -> None:
        if self._run is not None:
            self._run.abandon(Cancelled(why))

    def _show_sample(self, result: JobResult) -> Iterator[None]:
        import slicer

        from abdominal_oncology.panels.samples import put_sample

        volumes = yield from put_sample(result)
        for name in list(self.parameters.allParameters):
            if self._holds_a_node(name):
                setattr(self.parameters, name, None)  # the sample, not what was chosen before
        shown = volumes[self.logic.sample_role]
        slicer.util.setSliceViewerLayers(background=shown, fit=True)
        self.sample_made(volumes)
        self.fill_inputs()

    def _holds_a_node(self, name: str) -> bool:
        value = getattr(self.parameters, name)
        return value is not None and hasattr(value, "IsA")

    def _training_folded(self, folded: bool) -> None:
        if not folded:
            self.training_box.opened()

    def _ask_networks(self, known: Callable[[JobResult], None]) -> None:
        from abdominal_oncology.worker.handle import Callbacks
        from abdominal_oncology.worker.jobs.networks import networks_request

        self.session.submit(networks_request(self.room), Callbacks(done=known))

    def _new_model(self) -> None:
        """A training has become a model: it is in the chooser now."""
        if self.parameters is not None:
            self.model_box.show(self.parameters)

    def _why_not(self) -> str:
        return self.why_not() or self.model_box.why_not()

    def _warm(self) -> None:
        """The model is loaded before somebody clicks, if it can be."""
        if self.parameters is None or self.is_running:
            return
        if self.model_box.why_not():
            return
        self.session.warm(self.room, self.parameters.bundle or None, self.parameters.device, self._is_warm)

    def _model_changed(self) -> None:
        """Another model or device was chosen: it is loaded while the person looks at the rest."""
        self._refresh()
        self._warm()

    def _is_warm(self) -> None:
        self.model_box.show_device(self.session.device_found)

    def _installed(self) -> None:
        """Packages are there that were not: the worker must look again."""
        if not self.is_running:
            self.session.restart()

    def _bind_current_parameters(self) -> None:
        self._bind_to(self.logic.getParameterNode())
        self.fill_inputs()
        self.show_stored()

    def _bind_to(self, parameters: Any) -> None:
        from vtk import vtkCommand

        if self.parameters is not None:
            self.parameters.disconnectGui(self._binding)
            self.removeObserver(self.parameters, vtkCommand.ModifiedEvent, self._refresh)
        self.parameters = parameters
        self.model_box.show(parameters)
        if parameters is not None:
            self._binding = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtkCommand.ModifiedEvent, self._refresh)
            self._refresh()

    def _refresh(self, caller: Any = None, event: Any = None) -> None:
        """Apply is off where it cannot run, and says why."""
        if self.parameters is None:
            return
        self.model_box.refresh()
        self.training_box.device = self.parameters.device
        self.training_box.refresh()
        self.refresh()
        self.run_box.set_why_not(self._why_not())

    def _node_removed(self, caller: Any, event: Any) -> None:
        if self._run is not None:
            self._run.look_after_inputs()
        self._scene_changed(caller, event)

    def _scene_changed(self, caller: Any, event: Any) -> None:
        """Once for all that happens at a time: a study brings dozens of nodes."""
        import qt  # type: ignore[import-not-found]

        if not self._refresh_waits:
            self._refresh_waits = True
            qt.QTimer.singleShot(0, self._after_scene_changed)

    def _after_scene_changed(self) -> None:
        import slicer

        self._refresh_waits = False
        if self.parameters is None or slicer.mrmlScene.IsBatchProcessing() or slicer.mrmlScene.IsClosing():
            return
        if not self.is_running:
            self.fill_inputs()
        self._refresh()
