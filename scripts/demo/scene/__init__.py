"""A drawn surveillance scene: cameras, places, people and what they do. For the programs of scripts/ only."""
