"""The page of vad-score app: upload a video, see its timeline; browse a feature store.

Everything that can go wrong is in plain modules; main_page.py and store_page.py only show it.
"""
