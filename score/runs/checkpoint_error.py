"""The error for an unusable checkpoint or run, apart from their readers, because those load torch."""


class CheckpointError(ValueError):
    """A checkpoint or the folder of a run cannot be used; the message is a single line for the user."""


class DamagedFile(CheckpointError):
    """A file of a run cannot be read, or its values are not those that were written."""
