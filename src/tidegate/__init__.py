"""Tidegate: measure every table that a pipeline writes, and publish the run or hold it back."""

__version__ = "0.1.0"
