# Once per account, by somebody who administers it: the bucket of the states, and what GitHub may do. README.md, "Deploy it".

locals {
  name = "${var.project}-bootstrap"
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      project    = var.project
      stage      = "bootstrap"
      owner      = var.owner
      managed-by = "terraform"
    }
  }
}

module "state" {
  source = "../modules/state"

  name = local.name
}

module "github" {
  source = "../modules/github"

  name             = local.name
  project          = var.project
  stages           = var.stages
  repository       = var.repository
  create_provider  = var.create_provider
  state_bucket_arn = module.state.arn
  state_key_arn    = module.state.kms_key_arn
}
