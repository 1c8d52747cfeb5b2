"""The engine under fire: fault points that strike, an effect sink as oracle, invariants that must hold afterwards."""
