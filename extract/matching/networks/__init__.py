"""The search for how rows of networks were made: few frames of few rows, compared in many ways."""
