"""Published features, imported into a store."""
