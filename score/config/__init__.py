"""The settings of a run, their presets, and how files and --set override them."""
