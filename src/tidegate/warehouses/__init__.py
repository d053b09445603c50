"""Adapters of `ports.warehouse`: where the versions of a team's tables live."""
