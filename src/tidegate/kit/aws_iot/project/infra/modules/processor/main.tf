# Two functions out of one package: `ingest` handles batches of the stream, `watch` counts the devices that fell silent.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  queue_name = "${var.name}-dead-letters"
  queue_arn  = "arn:${local.partition}:sqs:${local.region}:${local.account}:${local.queue_name}"

  functions = {
    ingest = {
      handler     = "ingest.handler.handler"
      memory_mb   = var.memory_mb
      timeout_s   = var.timeout_s
      concurrency = var.reserved_concurrency
      policy      = data.aws_iam_policy_document.ingest.json
      environment = {
        TABLE_NAME       = var.table_name
        BUCKET_NAME      = var.bucket_name
        DEAD_LETTER_URL  = aws_sqs_queue.dead_letters.url
        MAX_AHEAD_S      = tostring(var.max_ahead_s)
        MAX_BEHIND_S     = tostring(var.max_behind_s)
        METRIC_NAMESPACE = var.metric_namespace
        STAGE            = var.stage
      }
    }
    watch = {
      handler     = "ingest.watch.handler"
      memory_mb   = 128
      timeout_s   = 60
      concurrency = 1
      policy      = data.aws_iam_policy_document.watch.json
      environment = {
        TABLE_NAME       = var.table_name
        SILENT_AFTER_S   = tostring(var.silent_after_s)
        METRIC_NAMESPACE = var.metric_namespace
        STAGE            = var.stage
      }
    }
  }
}

# Dead letters: what the handler cannot read (with the record and the reason), and what Lambda gave up on (which shard,
# from which to which sequence number).

resource "aws_sqs_queue" "dead_letters" {
  name                              = local.queue_name
  message_retention_seconds         = 1209600
  visibility_timeout_seconds        = 60
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
  policy                            = data.aws_iam_policy_document.dead_letters.json
}

data "aws_iam_policy_document" "dead_letters" {
  statement {
    sid       = "OnlyOverTLS"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [local.queue_arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

# Who may do what: actions and ARNs are listed, nothing that AWS manages is attached.

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "every_function" {
  for_each = toset(["ingest", "watch"])

  statement {
    sid       = "WriteItsLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this[each.key].arn}:*"]
  }

  # X-Ray knows no resources: these two actions can only be allowed on all.
  statement {
    sid       = "Trace"
    actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "ingest" {
  source_policy_documents = [data.aws_iam_policy_document.every_function["ingest"].json]

  statement {
    sid = "ReadTheStream"
    actions = [
      "kinesis:DescribeStream",
      "kinesis:DescribeStreamSummary",
      "kinesis:GetRecords",
      "kinesis:GetShardIterator",
      "kinesis:ListShards",
    ]
    resources = [var.stream_arn]
  }

  statement {
    sid       = "KeepTheLatestReading"
    actions   = ["dynamodb:PutItem"]
    resources = [var.table_arn]
  }

  statement {
    sid       = "KeepEverything"
    actions   = ["s3:PutObject"]
    resources = ["${var.bucket_arn}/raw/*", "${var.bucket_arn}/quarantine/*"]
  }

  statement {
    sid       = "SendDeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }

  statement {
    sid       = "UseTheKeyThroughTheseServices"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values = [
        "dynamodb.${local.region}.amazonaws.com",
        "kinesis.${local.region}.amazonaws.com",
        "s3.${local.region}.amazonaws.com",
        "sqs.${local.region}.amazonaws.com",
      ]
    }
  }
}

data "aws_iam_policy_document" "watch" {
  source_policy_documents = [data.aws_iam_policy_document.every_function["watch"].json]

  statement {
    sid       = "ReadTheDevices"
    actions   = ["dynamodb:Scan"]
    resources = [var.table_arn]
  }

  statement {
    sid       = "UseTheKeyThroughTheTable"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["dynamodb.${local.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.functions

  name                 = "${var.name}-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.assume.json
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "this" {
  for_each = local.functions

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = each.value.policy
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["ingest", "watch"])

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name                  = "${var.name}-${each.key}"
  role                           = aws_iam_role.this[each.key].arn
  runtime                        = "python3.13"
  architectures                  = ["arm64"]
  handler                        = each.value.handler
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  memory_size                    = each.value.memory_mb
  timeout                        = each.value.timeout_s
  reserved_concurrent_executions = each.value.concurrency
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = each.value.environment
  }

  tracing_config {
    mode = "Active"
  }

  # The log group comes first, so that it has our retention and our key and is not made by Lambda without them.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

resource "aws_lambda_event_source_mapping" "readings" {
  event_source_arn                   = var.stream_arn
  function_name                      = aws_lambda_function.this["ingest"].arn
  starting_position                  = "TRIM_HORIZON" # LATEST would lose what was sent before the mapping is up
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batching_window_s
  parallelization_factor             = var.parallelization_factor
  bisect_batch_on_function_error     = true
  maximum_retry_attempts             = var.retry_attempts
  maximum_record_age_in_seconds      = var.max_record_age_s
  function_response_types            = ["ReportBatchItemFailures"]

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_cloudwatch_event_rule" "watch" {
  name                = "${var.name}-watch"
  description         = "Counts the devices that fell silent"
  schedule_expression = "rate(${var.watch_every_min} ${var.watch_every_min == 1 ? "minute" : "minutes"})"
}

resource "aws_cloudwatch_event_target" "watch" {
  rule = aws_cloudwatch_event_rule.watch.name
  arn  = aws_lambda_function.this["watch"].arn
}

resource "aws_lambda_permission" "watch" {
  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["watch"].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.watch.arn
}
