"""Readings of sensors and levelling."""
