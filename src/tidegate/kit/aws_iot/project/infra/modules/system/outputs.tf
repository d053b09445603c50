output "stream" {
  description = "The stream that devices send to."
  value       = module.stream.name
}

output "table" {
  description = "The table with the latest reading of each device."
  value       = module.table.name
}

output "bucket" {
  description = "The bucket of the history."
  value       = module.backup.bucket
}

output "dead_letter_url" {
  description = "The dead-letter queue."
  value       = module.processor.dead_letter_url
}

output "functions" {
  description = "Name of each function."
  value       = module.processor.functions
}

output "mapping_id" {
  description = "The event source mapping."
  value       = module.processor.mapping_id
}

output "alarms" {
  description = "Names of the alarms."
  value       = module.alarms.names
}

output "alarm_topic" {
  description = "Where alarms are published."
  value       = module.alarms.topic_arn
}

output "dashboard" {
  description = "The dashboard."
  value       = module.dashboard.name
}
