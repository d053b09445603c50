"""The whole system on one machine, without an AWS account: moto as AWS, the same Terraform, the real handler."""
