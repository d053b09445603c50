output "system" {
  description = "Everything that somebody outside needs to know: names of stream, table, bucket, queue, functions, alarms."
  value       = module.system
}

output "region" {
  description = "The AWS region."
  value       = var.region
}
