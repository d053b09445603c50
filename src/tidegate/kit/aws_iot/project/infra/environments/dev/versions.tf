terraform {
  required_version = ">= 1.10.0" # the lock file of the S3 backend; the modules need 1.6

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket and region come from backend.hcl: terraform init -backend-config=backend.hcl
  backend "s3" {
    use_lockfile = true
    encrypt      = true
  }
}
