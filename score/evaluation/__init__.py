"""Scores and truth to every measure: of a run, of scores from elsewhere, of one operating point."""
