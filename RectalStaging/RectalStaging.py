"""Rectal cancer, T2 against T3 on MR: registers the panel and binds it; the work lives in abdominal_oncology."""

from typing import Annotated

import slicer
from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from abdominal_oncology.panels import RectalLogic, RectalPanel, patients, register_phantom


class RectalStaging(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Rectal Staging")
        self.parent.categories = [_("Abdominal Oncology")]
        self.parent.dependencies = []
        self.parent.contributors = ["AbdominalOncology contributors"]
        self.parent.helpText = _(
            "Rectal cancer on T2-weighted MR: T2 or T3, with the evidence. A sample patient with a rectal tumour works "
            "offline. Research use only."
        )
        self.parent.acknowledgementText = _("Methods and their publications are named in the documentation.")
        slicer.app.connect("startupCompleted()", self.registerSampleData)

    def registerSampleData(self):
        icon = self.resourcePath("Icons/RectalStaging.png")
        register_phantom("RectalMRPhantom", icon, "rectal", RectalStagingLogic.sample_role)


@parameterNodeWrapper
class RectalStagingParameterNode:
    inputVolume: vtkMRMLScalarVolumeNode
    roi: vtkMRMLMarkupsROINode
    segmentation: vtkMRMLSegmentationNode
    wishSensitivity: bool
    sensitivity: Annotated[float, WithinRange(0.5, 1.0)] = 0.9
    tta: bool = True
    biasCorrection: bool
    showOverlay: bool = True
    overlayOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.4
    bundle: str = ""
    device: str = "auto"


class RectalStagingLogic(RectalLogic, ScriptedLoadableModuleLogic):
    expects = "MR"
    sample_role = "t2"

    def getParameterNode(self):
        return RectalStagingParameterNode(super().getParameterNode())

    def phantom(self):
        return patients.rectal_mr()


class RectalStagingWidget(RectalPanel, ScriptedLoadableModuleWidget, VTKObservationMixin):
    logic_class = RectalStagingLogic

    def __init__(self, parent=None):
        VTKObservationMixin.__init__(self)
        ScriptedLoadableModuleWidget.__init__(self, parent)


class RectalStagingTest(ScriptedLoadableModuleTest):
    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_sample_patient_is_summarised()
        self.setUp()
        self.test_sample_patient_is_staged()

    def test_sample_patient_is_summarised(self):
        logic = RectalStagingLogic()
        volume = logic.create_sample_data()
        table = logic.summarise(volume)
        assert table.GetCellText(0, 1) == "MR"
        assert table.GetNumberOfColumns() == 3

    def test_sample_patient_is_staged(self):
        logic = RectalStagingLogic()
        volume = logic.create_sample_data()
        finding = logic.stage(volume)
        results = logic.writeResults(finding, volume)
        assert finding.question == "stage", finding.reason
        assert results.region.GetNumberOfControlPoints() == 1
        assert results.summary.GetCellText(0, 0) == "stage"
