"""Use cases, one file each: they take ports and values, and hold all that Tidegate decides."""
