"""Alerts: when scores become one, what is kept of it, and where it is sent."""
