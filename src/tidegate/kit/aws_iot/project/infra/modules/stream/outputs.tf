output "name" {
  description = "The stream that devices send to."
  value       = aws_kinesis_stream.readings.name
}

output "arn" {
  description = "The stream's ARN."
  value       = aws_kinesis_stream.readings.arn
}
