# The bucket of the states, which infra/bootstrap makes: terraform -chdir=infra/bootstrap output backend
bucket = "CHANGE-ME-terraform-state"
key    = "iot/dev/terraform.tfstate"
region = "eu-central-1"
