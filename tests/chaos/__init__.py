"""Faults at random moments while an alert is being sent, and the books compared afterwards."""
