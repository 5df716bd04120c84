"""Where extraction runs: one device, several of one machine, a Ray cluster."""
