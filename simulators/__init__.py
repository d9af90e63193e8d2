"""Counterparts on loopback for demo, tests and benchmarks: they speak the real protocols and can be made to fail."""
