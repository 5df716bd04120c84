"""A run evaluated as it would run live: causal frame AUC, delay, missed events, false alarms per hour."""
