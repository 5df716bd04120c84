"""Cameras dealt out over the devices of a Ray cluster: an actor per device, and all listeners here."""
