"""The benchmark: the engine and the limits of the machine it stands on, measured in one run (docs/performance.md)."""
