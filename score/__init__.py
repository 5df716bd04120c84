"""Stage 2: light heads on stored features, judged by frame and video AUC."""
