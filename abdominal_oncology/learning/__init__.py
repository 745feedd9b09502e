"""Training, evaluation and prediction, shared by the three clinical rooms. Knows imaging and nothing above it."""
