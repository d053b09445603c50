"""A fleet of devices that measure temperatures, and what goes wrong with them. The same seed sends the same bytes."""
