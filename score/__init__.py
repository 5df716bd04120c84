"""Stage 2: light heads on stored features, evaluated by frame and video AUC."""
