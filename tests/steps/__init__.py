"""Step kinds for tests of the engine, found like any other."""
