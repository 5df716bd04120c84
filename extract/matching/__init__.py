"""How features of other people were made: row counts, structure, and rows that are computed again."""
