"""A trained head over a store: segment scores, frame scores, anomaly maps."""
