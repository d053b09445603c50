output "topic_arn" {
  description = "Where alarms are published."
  value       = aws_sns_topic.alarms.arn
}

output "arns" {
  description = "Every alarm, by name."
  value       = [for key in sort(keys(local.alarms)) : aws_cloudwatch_metric_alarm.this[key].arn]
}

output "names" {
  description = "The alarms' names."
  value       = [for key in sort(keys(local.alarms)) : aws_cloudwatch_metric_alarm.this[key].alarm_name]
}
