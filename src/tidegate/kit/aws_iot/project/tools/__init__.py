"""What people and CI run by hand: the package, the policy, the plan as a comment, the replay, the reconciliation."""
