# One page: what comes in, how late it is, what is refused and why, and what the parts of the system say of themselves.

data "aws_region" "current" {}

locals {
  region = data.aws_region.current.name

  graphs = [
    {
      title = "Readings", stat = "Sum",
      metrics = [
        [var.metric_namespace, "Accepted", "stage", var.stage],
        [var.metric_namespace, "Late", "stage", var.stage],
        [var.metric_namespace, "Quarantined", "stage", var.stage],
        [var.metric_namespace, "DeadLettered", "stage", var.stage],
      ]
    },
    {
      title = "Event lag (s)", stat = "Maximum",
      metrics = [
        [var.metric_namespace, "EventLagMax", "stage", var.stage],
        [var.metric_namespace, "EventLagMedian", "stage", var.stage],
      ]
    },
    {
      title = "Silent devices", stat = "Maximum",
      metrics = [
        [var.metric_namespace, "SilentDevices", "stage", var.stage],
        [var.metric_namespace, "KnownDevices", "stage", var.stage],
      ]
    },
    {
      title = "Stream", stat = "Sum",
      metrics = [
        ["AWS/Kinesis", "IncomingRecords", "StreamName", var.stream_name],
        ["AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", var.stream_name],
        ["AWS/Kinesis", "ReadProvisionedThroughputExceeded", "StreamName", var.stream_name],
      ]
    },
    {
      title = "Handler", stat = "Sum",
      metrics = [
        ["AWS/Lambda", "Invocations", "FunctionName", var.function_name],
        ["AWS/Lambda", "Errors", "FunctionName", var.function_name],
        ["AWS/Lambda", "Throttles", "FunctionName", var.function_name],
      ]
    },
    {
      title   = "Iterator age (ms)", stat = "Maximum",
      metrics = [["AWS/Lambda", "IteratorAge", "FunctionName", var.function_name]]
    },
    {
      title = "Table", stat = "Sum",
      metrics = [
        ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", var.table_name],
        ["AWS/DynamoDB", "WriteThrottleEvents", "TableName", var.table_name],
      ]
    },
    {
      title   = "Dead letters", stat = "Maximum",
      metrics = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queue_name]]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type       = "alarm", x = 0, y = 0, width = 24, height = 3,
        properties = { title = "Alarms", alarms = var.alarm_arns }
      }],
      [for n, graph in local.graphs : {
        type = "metric", x = (n % 3) * 8, y = 3 + floor(n / 3) * 6, width = 8, height = 6,
        properties = {
          title   = graph.title, region = local.region, stat = graph.stat, period = 60, view = "timeSeries",
          metrics = graph.metrics
        }
      }]
    )
  })
}
