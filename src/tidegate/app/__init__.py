"""The composition root: from settings to adapters to use cases; the only unit that knows which adapter is which."""
