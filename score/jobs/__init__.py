"""Scoring videos for others: uploads are checked, wait for their turn, are scored and removed."""
