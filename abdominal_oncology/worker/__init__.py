"""The long-lived process that does what takes long, and its client. Neither Slicer nor Qt is known here.

``process`` is the worker; ``client`` speaks to it through a ``transport``. What they say is ``protocol``, how voxels
cross is ``blocks``, what can be done is ``jobs``.
"""
