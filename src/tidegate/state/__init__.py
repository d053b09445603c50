"""What Tidegate remembers between two runs: the ledger, its projections, and what was measured."""
