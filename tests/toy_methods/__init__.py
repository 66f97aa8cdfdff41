"""Methods for tests of the training engine."""
