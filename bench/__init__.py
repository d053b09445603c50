"""Measurements by hand; nothing here is a gate."""
