# Production: scales by itself, refuses to be deleted, keeps records for a week and the history for two years.

locals {
  project = "iot"
  stage   = "prod"
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

  project                = local.project
  stage                  = local.stage
  package                = var.package
  bounded                = var.bounded
  emails                 = var.emails
  protected              = true
  stream_mode            = "ON_DEMAND"
  parallelization_factor = 4
  memory_mb              = 1024
  log_retention_days     = 90
  monthly_budget_usd     = var.monthly_budget_usd
}
