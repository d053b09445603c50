terraform {
  required_version = ">= 1.10.0" # the lock file of the S3 backend; the modules need 1.6

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
