"""How benchmarks measure: rounds, sides, bounds of the machine."""
