"""Step kinds that only the benchmark has."""
