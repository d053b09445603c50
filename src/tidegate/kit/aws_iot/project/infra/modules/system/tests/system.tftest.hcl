# terraform -chdir=infra/modules/system test: no account, no network, no server.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
  }

  mock_resource "aws_kinesis_stream" {
    defaults = { arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/iot-dev-readings" }
  }

  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/iot-dev-latest" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::iot-dev-history-123456789012" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-central-1:123456789012:iot-dev-dead-letters"
      url = "https://sqs.eu-central-1.amazonaws.com/123456789012/iot-dev-dead-letters"
    }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:iot-dev-alarms" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/iot-dev-ingest" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:iot-dev-ingest" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/iot-dev-ingest" }
  }

  mock_resource "aws_cloudwatch_metric_alarm" {
    defaults = { arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:iot-dev-errors" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-central-1:123456789012:rule/iot-dev-watch" }
  }
}

variables {
  project = "iot"
  stage   = "dev"
  package = "versions.tf" # any file: a plan only hashes it
}

run "names" {
  command = plan

  assert {
    condition     = output.stream == "iot-dev-readings" && output.table == "iot-dev-latest" && output.functions["ingest"] == "iot-dev-ingest"
    error_message = "Every name begins with <project>-<stage>-."
  }

  assert {
    condition     = output.bucket == "iot-dev-history-123456789012"
    error_message = "A bucket's name is unique in the world: it ends with the account."
  }

  assert {
    condition     = length(output.alarms) == 12 && contains(output.alarms, "iot-dev-silent-devices")
    error_message = "There are twelve alarms."
  }
}

run "provisioned" {
  command = plan

  variables {
    stream_mode  = "PROVISIONED"
    shards       = 4
    billing_mode = "PROVISIONED"
  }

  assert {
    condition     = output.table == "iot-dev-latest"
    error_message = "A provisioned table has the same name."
  }
}

run "production_is_protected" {
  command = plan

  variables {
    stage     = "prod"
    protected = true
  }

  assert {
    condition     = output.stream == "iot-prod-readings"
    error_message = "The stage is part of every name."
  }
}

run "refuses_names_that_cannot_be_and_a_package_that_was_not_built" {
  command = plan

  variables {
    project = "IoT_Project"
    stage   = "production"
    package = "no-such.zip"
  }

  expect_failures = [var.project, var.stage, var.package]
}

run "refuses_sizes_that_aws_has_not_and_a_handler_that_is_switched_off" {
  command = plan

  variables {
    stream_mode          = "PROVISIONED"
    shards               = 1.5
    retry_attempts       = -1
    reserved_concurrency = 0
    retention_hours      = 12
    log_retention_days   = 10
  }

  expect_failures = [var.shards, var.retry_attempts, var.reserved_concurrency, var.retention_hours, var.log_retention_days]
}

run "refuses_alarms_that_ring_always_or_cannot_be" {
  command = plan

  variables {
    iterator_age_s        = 0
    event_lag_s           = 0
    quarantined_per_5_min = -1
    silent_devices        = -1
    watch_every_min       = 481
  }

  expect_failures = [var.iterator_age_s, var.event_lag_s, var.quarantined_per_5_min, var.silent_devices, var.watch_every_min]
}
