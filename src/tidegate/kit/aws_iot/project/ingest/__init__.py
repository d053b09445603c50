"""What runs in Lambda: the standard library and boto3, nothing else."""
