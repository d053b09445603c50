"""The time at which the checks of these tests are judged."""

from datetime import UTC, datetime

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
