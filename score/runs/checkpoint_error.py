"""What is raised for a wrong checkpoint or run; apart from their readers, because those load torch."""


class CheckpointError(ValueError):
    """A checkpoint or the folder of a run cannot be used; the text is one line for a person."""
