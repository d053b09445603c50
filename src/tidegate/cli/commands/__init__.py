"""One module per command: each takes the parsed arguments and an output, and returns the exit status."""
