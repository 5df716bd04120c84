"""Stored rows to instances of a bag; numpy only, in processes that read the store."""
