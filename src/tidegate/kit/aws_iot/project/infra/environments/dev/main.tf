# Development: on demand, no protection against deletion, short retention.

locals {
  project = "iot"
  stage   = "dev"
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      project    = local.project
      stage      = local.stage
      owner      = var.owner
      managed-by = "terraform"
    }
  }
}

module "system" {
  source = "../../modules/system"

  project            = local.project
  stage              = local.stage
  package            = var.package
  bounded            = var.bounded
  emails             = var.emails
  protected          = false
  stream_mode        = "PROVISIONED"
  shards             = 2
  retention_hours    = 24
  keep_days          = 60
  log_retention_days = 7
  monthly_budget_usd = var.monthly_budget_usd
}
