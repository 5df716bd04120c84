"""A run judged as it runs live: causal frame AUC, detection delay, missed events, false alarms per hour."""
