output "functions" {
  description = "Name of each function: `ingest` and `watch`."
  value       = { for key, function in aws_lambda_function.this : key => function.function_name }
}

output "mapping_id" {
  description = "The event source mapping between the stream and `ingest`."
  value       = aws_lambda_event_source_mapping.readings.uuid
}

output "dead_letter_name" {
  description = "The dead-letter queue."
  value       = aws_sqs_queue.dead_letters.name
}

output "dead_letter_url" {
  description = "The dead-letter queue's URL."
  value       = aws_sqs_queue.dead_letters.url
}

output "timeout_ms" {
  description = "How long `ingest` may take, in milliseconds."
  value       = var.timeout_s * 1000
}
