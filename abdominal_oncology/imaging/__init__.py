"""Images, their geometry, how they are read and what can be done to them. Knows nothing of slicer or of any clinic."""
