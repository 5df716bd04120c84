"""Options of commands that both stages have."""
