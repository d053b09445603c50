mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name             = "iot-test"
  stage            = "test"
  package          = "versions.tf"
  kms_key_arn      = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  stream_arn       = "arn:aws:kinesis:eu-central-1:123456789012:stream/iot-test-readings"
  table_name       = "iot-test-latest"
  table_arn        = "arn:aws:dynamodb:eu-central-1:123456789012:table/iot-test-latest"
  bucket_name      = "iot-test-history"
  bucket_arn       = "arn:aws:s3:::iot-test-history"
  metric_namespace = "iot/readings"
}

run "nothing_is_lost_and_nothing_blocks" {
  command = plan

  assert {
    condition     = aws_lambda_event_source_mapping.readings.starting_position == "TRIM_HORIZON"
    error_message = "LATEST would lose what was sent before the mapping is up."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.readings.bisect_batch_on_function_error &&
      aws_lambda_event_source_mapping.readings.maximum_retry_attempts == 5 &&
      aws_lambda_event_source_mapping.readings.maximum_record_age_in_seconds == 86400 &&
      contains(aws_lambda_event_source_mapping.readings.function_response_types, "ReportBatchItemFailures")
    )
    error_message = "A bad record must not block its shard."
  }

  assert {
    condition     = aws_lambda_function.this["ingest"].tracing_config[0].mode == "Active"
    error_message = "The handler is traced."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this["ingest"].retention_in_days == 30
    error_message = "Logs end."
  }

  assert {
    condition     = aws_sqs_queue.dead_letters.message_retention_seconds == 1209600
    error_message = "Dead letters stay as long as SQS keeps them."
  }
}

run "a_minute_is_singular" {
  command = plan

  variables {
    watch_every_min = 1
  }

  assert {
    condition     = aws_cloudwatch_event_rule.watch.schedule_expression == "rate(1 minute)"
    error_message = "EventBridge refuses `rate(1 minutes)`."
  }
}
