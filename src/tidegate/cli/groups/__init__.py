"""Groups of commands whose declarations have a module of their own."""
