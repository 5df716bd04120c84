"""Watching cameras: frames in, the same features and scores as predict out, as soon as they are known."""
