"""``slicer.parameterNodeWrapper``: typed parameters that a scene keeps and widgets show."""

from slicer_desktop.parameters.node import parameter_node_wrapper
from slicer_desktop.parameters.packs import parameter_pack
from slicer_desktop.parameters.serializers import FloatRange
from slicer_desktop.parameters.validators import (
    Choice,
    Decimals,
    Default,
    Exclude,
    Maximum,
    Minimum,
    RangeBounds,
    SingleStep,
    Validator,
    WithinRange,
)

EXPORTED = {
    "parameterNodeWrapper": parameter_node_wrapper,
    "parameterPack": parameter_pack,
    **{each.__name__: each for each in (Choice, Decimals, Default, Exclude, FloatRange, Maximum, Minimum)},
    **{each.__name__: each for each in (RangeBounds, SingleStep, Validator, WithinRange)},
}
