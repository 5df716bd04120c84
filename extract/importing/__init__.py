"""Features that people already have, made into a store."""
