"""Contrast phase of abdominal CT: registers the panel and binds it; the work lives in abdominal_oncology."""

from typing import Annotated

import slicer
from slicer import vtkMRMLMarkupsFiducialNode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from abdominal_oncology.panels import PhaseLogic, PhasePanel, patients, register_phantom


class PhaseClassifier(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Phase Classifier")
        self.parent.categories = [_("Abdominal Oncology")]
        self.parent.dependencies = []
        self.parent.contributors = ["AbdominalOncology contributors"]
        self.parent.helpText = _(
            "Contrast phase of abdominal CT: choose volumes, click Apply, and see the phase and what it rests on. "
            "A multiphase sample patient works offline. Research use only."
        )
        self.parent.acknowledgementText = _("Methods and their publications are named in the documentation.")
        slicer.app.connect("startupCompleted()", self.registerSampleData)

    def registerSampleData(self):
        icon = self.resourcePath("Icons/PhaseClassifier.png")
        register_phantom("AbdominalCTPhantom", icon, "phase", PhaseClassifierLogic.sample_role)


@parameterNodeWrapper
class PhaseClassifierParameterNode:
    inputVolumes: list[vtkMRMLScalarVolumeNode]
    segmentation: vtkMRMLSegmentationNode
    points: vtkMRMLMarkupsFiducialNode
    fraction: Annotated[float, WithinRange(0.05, 1.0)] = 0.3
    rename: bool = False
    bundle: str = ""
    device: str = "auto"


class PhaseClassifierLogic(PhaseLogic, ScriptedLoadableModuleLogic):
    expects = "CT"
    sample_role = "venous"

    def getParameterNode(self):
        return PhaseClassifierParameterNode(super().getParameterNode())

    def phantom(self):
        return patients.abdominal_ct()


class PhaseClassifierWidget(PhasePanel, ScriptedLoadableModuleWidget, VTKObservationMixin):
    logic_class = PhaseClassifierLogic

    def __init__(self, parent=None):
        VTKObservationMixin.__init__(self)
        ScriptedLoadableModuleWidget.__init__(self, parent)


class PhaseClassifierTest(ScriptedLoadableModuleTest):
    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_sample_patient_is_summarised()
        self.setUp()
        self.test_sample_patient_is_classified()

    def test_sample_patient_is_summarised(self):
        logic = PhaseClassifierLogic()
        volume = logic.create_sample_data()
        table = logic.summarise(volume)
        assert table.GetCellText(0, 1) == "CT"
        assert table.GetNumberOfColumns() == 3

    def test_sample_patient_is_classified(self):
        logic = PhaseClassifierLogic()
        volume = logic.create_sample_data()
        findings = logic.classify([volume])
        results = logic.writeResults(findings, [volume], rename=True)
        assert findings[0].decision == "venous", findings[0].reason
        assert results.summary.GetCellText(0, 1) == "venous"
        assert volume.GetName().endswith("[venous]")
