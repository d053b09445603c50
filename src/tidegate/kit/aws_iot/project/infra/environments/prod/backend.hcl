# The bucket of the state, with versioning and encryption; README.md says how to make it.
bucket = "CHANGE-ME-terraform-state"
key    = "iot/prod/terraform.tfstate"
region = "eu-central-1"
