"""Focal liver lesions on multiphase CT: registers the panel and binds it; the work lives in abdominal_oncology."""

from typing import Annotated

import slicer
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import Choice, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from abdominal_oncology.panels import HccLogic, HccPanel, patients, register_phantom


class LiverHCC(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Liver HCC")
        self.parent.categories = [_("Abdominal Oncology")]
        self.parent.dependencies = []
        self.parent.contributors = ["AbdominalOncology contributors"]
        self.parent.helpText = _(
            "Focal liver lesions on multiphase CT: LI-RADS features and category of every lesion. A sample patient "
            "with a liver lesion works offline. Research use only."
        )
        self.parent.acknowledgementText = _("Methods and their publications are named in the documentation.")
        slicer.app.connect("startupCompleted()", self.registerSampleData)

    def registerSampleData(self):
        icon = self.resourcePath("Icons/LiverHCC.png")
        register_phantom("LiverLesionPhantom", icon, "hcc", LiverHCCLogic.sample_role)


@parameterNodeWrapper
class LiverHCCParameterNode:
    arterialVolume: vtkMRMLScalarVolumeNode
    portalVolume: vtkMRMLScalarVolumeNode
    delayedVolume: vtkMRMLScalarVolumeNode
    nonContrastVolume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    liverSegment: str
    lesionTicks: dict[str, bool]
    earlierSizes: dict[str, float]
    priorDate: str
    studyDate: str
    priorModality: Annotated[str, Choice(["CT", "MR", "ultrasound"])] = "CT"
    patientFacts: list[str]
    bundle: str = ""
    device: str = "auto"


class LiverHCCLogic(HccLogic, ScriptedLoadableModuleLogic):
    expects = "CT"
    sample_role = "portal"

    def getParameterNode(self):
        return LiverHCCParameterNode(super().getParameterNode())

    def phantom(self):
        return patients.liver_lesion_ct()


class LiverHCCWidget(HccPanel, ScriptedLoadableModuleWidget, VTKObservationMixin):
    logic_class = LiverHCCLogic

    def __init__(self, parent=None):
        VTKObservationMixin.__init__(self)
        ScriptedLoadableModuleWidget.__init__(self, parent)


class LiverHCCTest(ScriptedLoadableModuleTest):
    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_sample_patient_is_summarised()
        self.setUp()
        self.test_sample_lesion_is_analyzed()

    def test_sample_patient_is_summarised(self):
        logic = LiverHCCLogic()
        table = logic.summarise(logic.create_sample_data())
        assert (table.GetCellText(0, 1), table.GetNumberOfColumns()) == ("CT", 3)

    def test_sample_lesion_is_analyzed(self):
        logic = LiverHCCLogic()
        logic.create_sample_data()
        volumes = {role: slicer.util.getNode(role) for role in ("arterial", "portal", "delayed")}
        segmentation = slicer.util.getNode("portal segmentation")
        (finding,) = logic.analyze(**volumes, segmentation=segmentation, population="cirrhosis")
        results = logic.writeResults([finding], segmentation, volumes["portal"], maps=True)
        assert "LR-" in results.summary.GetCellText(0, 3)
        assert results.maps[finding.subject]["enhancement"].GetImageData() is not None
