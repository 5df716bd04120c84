"""The machine that this process runs on: what it may use of it, and what others take."""
