"""Heads x stores x seeds: the plan, its cells, and the table that they end in."""
