"""Programs for people who work on this project; run them from its root: python -m
scripts.benchmarks.bench_flow."""
