"""What Tidegate runs: the history of the stream as tables, for its checks."""
