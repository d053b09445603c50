"""Adapters to what lies outside: one file per tool, format or service."""
