"""What every panel is put together from: fragments of ``panels/ui``, each with the object that knows how it behaves."""
