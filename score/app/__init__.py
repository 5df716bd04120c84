"""The page that vad-score app serves: a video in, its timeline out; one of the two places of score that
reach into extract, and only when a video comes.

Everything that can be wrong lives in plain modules; main_page.py and store_page.py only show it.
"""
