# The whole system, as each environment has it. Every name begins with `<project>-<stage>-`.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  name             = "${var.project}-${var.stage}"
  metric_namespace = "${var.project}/readings"

  # As infra/bootstrap made it; whoever deploys by its roles has to use it.
  boundary = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:policy/${var.project}-bootstrap-boundary-${var.stage}"
}

module "kms" {
  source = "../kms"

  name                 = local.name
  deletion_window_days = var.protected ? 30 : 7
}

module "stream" {
  source = "../stream"

  name            = local.name
  kms_key_arn     = module.kms.key_arn
  mode            = var.stream_mode
  shards          = var.shards
  retention_hours = var.retention_hours
}

module "table" {
  source = "../table"

  name                = local.name
  kms_key_arn         = module.kms.key_arn
  billing_mode        = var.billing_mode
  deletion_protection = var.protected
}

module "backup" {
  source = "../backup"

  name          = local.name
  kms_key_arn   = module.kms.key_arn
  keep_days     = var.keep_days
  force_destroy = !var.protected
}

module "processor" {
  source = "../processor"

  name                   = local.name
  stage                  = var.stage
  package                = var.package
  kms_key_arn            = module.kms.key_arn
  permissions_boundary   = var.bounded ? local.boundary : null
  stream_arn             = module.stream.arn
  table_name             = module.table.name
  table_arn              = module.table.arn
  bucket_name            = module.backup.bucket
  bucket_arn             = module.backup.arn
  metric_namespace       = local.metric_namespace
  memory_mb              = var.memory_mb
  timeout_s              = var.timeout_s
  reserved_concurrency   = var.reserved_concurrency
  batch_size             = var.batch_size
  batching_window_s      = var.batching_window_s
  parallelization_factor = var.parallelization_factor
  retry_attempts         = var.retry_attempts
  max_record_age_s       = var.max_record_age_s
  max_ahead_s            = var.max_ahead_s
  max_behind_s           = var.max_behind_s
  silent_after_s         = var.silent_after_s
  watch_every_min        = var.watch_every_min
  log_retention_days     = var.log_retention_days
}

module "alarms" {
  source = "../alarms"

  name                  = local.name
  stage                 = var.stage
  kms_key_arn           = module.kms.key_arn
  metric_namespace      = local.metric_namespace
  stream_name           = module.stream.name
  table_name            = module.table.name
  functions             = module.processor.functions
  timeout_ms            = module.processor.timeout_ms
  queue_name            = module.processor.dead_letter_name
  emails                = var.emails
  iterator_age_s        = var.iterator_age_s
  event_lag_s           = var.event_lag_s
  no_data_min           = var.no_data_min
  quarantined_per_5_min = var.quarantined_per_5_min
  silent_devices        = var.silent_devices
  watch_every_min       = var.watch_every_min
  monthly_budget_usd    = var.monthly_budget_usd
  cost_tag              = var.project
}

module "dashboard" {
  source = "../dashboard"

  name             = local.name
  stage            = var.stage
  metric_namespace = local.metric_namespace
  stream_name      = module.stream.name
  table_name       = module.table.name
  function_name    = module.processor.functions["ingest"]
  queue_name       = module.processor.dead_letter_name
  alarm_arns       = module.alarms.arns
}
