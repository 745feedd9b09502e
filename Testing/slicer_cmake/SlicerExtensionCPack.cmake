# Packaging comes last; Slicer refuses it before the configuration was generated.
if(NOT EXTENSION_CONFIG_GENERATED)
  message(FATAL_ERROR "include Slicer_EXTENSION_GENERATE_CONFIG before Slicer_EXTENSION_CPACK")
endif()
file(WRITE ${CMAKE_BINARY_DIR}/${EXTENSION_NAME}.packaged "")
