"""Public programs as baselines: each file runs one of them, unmodified, from a clone, or our side.

They run as programs of their own, so that neither side sees the other's settings, imports or memory; what a
clone needs besides is in shims.py. PEERS.md says what to fetch.
"""
