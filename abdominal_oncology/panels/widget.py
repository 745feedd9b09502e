"""The behaviour of a panel; mixed into the module's ScriptedLoadableModuleWidget and VTKObservationMixin.

The ``.ui`` file of each module has the same object names: ``inputSelector``, ``summariseButton``, ``sampleDataButton``,
``summaryTableView``. Methods in camel case are called by Slicer.
"""

from __future__ import annotations

from typing import Any

from abdominal_oncology.panels.logic import ImagePanelLogic
from abdominal_oncology.panels.text import tr


class ImagePanelWidget:
    """Choose a volume, summarise it, or create sample data.

    The module's widget class names its ``logic_class``; Slicer's classes give ``layout``, ``resourcePath``,
    ``addObserver`` and the like.
    """

    logic_class: type[ImagePanelLogic]
    moduleName: str
    parent: Any
    layout: Any
    resourcePath: Any
    addObserver: Any
    removeObserver: Any
    removeObservers: Any

    def setup(self) -> None:
        import slicer

        super().setup()  # type: ignore[misc]  # of Slicer's widget class, next in line
        panel = slicer.util.loadUI(self.resourcePath(f"UI/{self.moduleName}.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.logic: Any = self.logic_class()
        self._parameters: Any = None
        self._binding: Any = None
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.ui.summariseButton.connect("clicked(bool)", self.onSummarise)
        self.ui.sampleDataButton.connect("clicked(bool)", self.onSampleData)
        self._bind_current_parameters()

    def enter(self) -> None:
        """The panel is opened: a scene may have been loaded since it was last seen."""
        self._bind_current_parameters()

    def exit(self) -> None:
        """Another panel is opened: this one must not react to what happens there."""
        self._bind(None)

    def cleanup(self) -> None:
        self._bind(None)
        self.removeObservers()

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        self._bind(None)

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        if self.parent.isEntered:
            self._bind_current_parameters()

    def onSummarise(self, checked: bool = False) -> None:
        import slicer

        with slicer.util.tryWithErrorDisplay(tr("The volume could not be summarised."), waitCursor=True):
            parameters = self._parameters
            parameters.summaryTable = self.logic.summarise(parameters.inputVolume, parameters.summaryTable)

    def onSampleData(self, checked: bool = False) -> None:
        import slicer

        with slicer.util.tryWithErrorDisplay(tr("The sample data could not be created."), waitCursor=True):
            volume = self.logic.create_sample_data()
            self._parameters.inputVolume = volume
            slicer.util.setSliceViewerLayers(background=volume, fit=True)

    def _bind_current_parameters(self) -> None:
        self._bind(self.logic.getParameterNode())
        if self._parameters.inputVolume is None:
            import slicer

            volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            images = [node for node in volumes if not node.IsA("vtkMRMLLabelMapVolumeNode")]
            if images:
                self._parameters.inputVolume = images[0]

    def _bind(self, parameters: Any) -> None:
        from vtk import vtkCommand

        if self._parameters is not None:
            self._parameters.disconnectGui(self._binding)
            self.removeObserver(self._parameters, vtkCommand.ModifiedEvent, self._refresh)
        self._parameters = parameters
        if parameters is not None:
            self._binding = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtkCommand.ModifiedEvent, self._refresh)
            self._refresh()

    def _refresh(self, caller: Any = None, event: Any = None) -> None:
        """Buttons that cannot do their work are off and say why."""
        volume = self._parameters.inputVolume
        ready = volume is not None and volume.GetImageData() is not None
        self.ui.summariseButton.enabled = ready
        self.ui.summariseButton.toolTip = (
            tr("Write the facts of the volume to a table") if ready else tr("Choose a volume with voxels first")
        )
        self.ui.summaryTableView.setMRMLTableNode(self._parameters.summaryTable)
