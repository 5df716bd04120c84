"""Programs for this project's developers; run them from its root: python -m scripts.benchmarks.bench_flow."""
