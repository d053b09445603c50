# What somebody has to know of, and how they hear it.

data "aws_caller_identity" "current" {}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "AlarmsAndBudgetsPublish"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }

  statement {
    sid       = "OnlyOverTLS"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

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

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  ingest = { FunctionName = var.functions["ingest"] }
  watch  = { FunctionName = var.functions["watch"] }
  stream = { StreamName = var.stream_name }
  table  = { TableName = var.table_name }
  queue  = { QueueName = var.queue_name }
  own    = { stage = var.stage }

  # period in seconds; `of` periods are looked at, `breaching` of them have to be over the threshold.
  alarms = {
    iterator-age = {
      about     = "The handler is behind the stream. When the lag reaches the retention, readings are lost."
      namespace = "AWS/Lambda", metric = "IteratorAge", dimensions = local.ingest, statistic = "Maximum"
      threshold = var.iterator_age_s * 1000, period = 60, of = 5, breaching = 5, missing = "notBreaching"
    }
    errors = {
      about     = "The handler fails as a whole: its code, its configuration or its permissions."
      namespace = "AWS/Lambda", metric = "Errors", dimensions = local.ingest, statistic = "Sum"
      threshold = 0, period = 60, of = 5, breaching = 3, missing = "notBreaching"
    }
    throttles = {
      about     = "Lambda runs fewer copies of the handler than are needed."
      namespace = "AWS/Lambda", metric = "Throttles", dimensions = local.ingest, statistic = "Sum"
      threshold = 0, period = 60, of = 5, breaching = 3, missing = "notBreaching"
    }
    duration = {
      about     = "A batch takes nearly as long as it may."
      namespace = "AWS/Lambda", metric = "Duration", dimensions = local.ingest, statistic = "Maximum"
      threshold = var.timeout_ms * 0.8, period = 60, of = 5, breaching = 3, missing = "notBreaching"
    }
    dead-letters = {
      about     = "Records could not be read, or a batch was given up. Look at the reasons, then replay or drop them."
      namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = local.queue, statistic = "Maximum"
      threshold = 0, period = 60, of = 1, breaching = 1, missing = "notBreaching"
    }
    stream-full = {
      about     = "Devices cannot send: the stream refuses records."
      namespace = "AWS/Kinesis", metric = "WriteProvisionedThroughputExceeded", dimensions = local.stream, statistic = "Sum"
      threshold = 0, period = 60, of = 5, breaching = 3, missing = "notBreaching"
    }
    table-throttles = {
      about     = "The table refuses writes; batches are tried again."
      namespace = "AWS/DynamoDB", metric = "WriteThrottleEvents", dimensions = local.table, statistic = "Sum"
      threshold = 0, period = 60, of = 5, breaching = 3, missing = "notBreaching"
    }
    no-data = {
      about     = "No reading was accepted: devices, network, stream or handler."
      namespace = var.metric_namespace, metric = "Accepted", dimensions = local.own, statistic = "Sum"
      threshold = 1, period = 60, of = var.no_data_min, breaching = var.no_data_min, missing = "breaching", below = true
    }
    event-lag = {
      about     = "Readings arrive long after they were measured: devices keep them back, or their clocks are behind."
      namespace = var.metric_namespace, metric = "EventLagMedian", dimensions = local.own, statistic = "Maximum"
      threshold = var.event_lag_s, period = 60, of = 5, breaching = 3, missing = "notBreaching"
    }
    quarantined = {
      about     = "Many readings are not plausible: a sensor, a unit or a clock is wrong."
      namespace = var.metric_namespace, metric = "Quarantined", dimensions = local.own, statistic = "Sum"
      threshold = var.quarantined_per_5_min, period = 300, of = 1, breaching = 1, missing = "notBreaching"
    }
    silent-devices = {
      about     = "Devices that used to send are silent. No number at all means that nobody counts them."
      namespace = var.metric_namespace, metric = "SilentDevices", dimensions = local.own, statistic = "Maximum"
      threshold = var.silent_devices, period = var.watch_every_min * 60, of = 3, breaching = 2, missing = "breaching"
    }
    watch-errors = {
      about     = "The function that counts silent devices fails."
      namespace = "AWS/Lambda", metric = "Errors", dimensions = local.watch, statistic = "Sum"
      threshold = 0, period = 300, of = 3, breaching = 2, missing = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.about
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = try(each.value.below, false) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.of
  datapoints_to_alarm = each.value.breaching
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_budgets_budget" "month" {
  count = var.monthly_budget_usd > 0 ? 1 : 0

  name         = "${var.name}-month"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:project$%s", var.cost_tag)]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      comparison_operator       = "GREATER_THAN"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }
}
