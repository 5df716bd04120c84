"""Lists from official files, endurance runs and other chores."""
