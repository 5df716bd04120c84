"""The sound of a video as pictures of its frequencies: windows of samples in, log-mel patches out."""
