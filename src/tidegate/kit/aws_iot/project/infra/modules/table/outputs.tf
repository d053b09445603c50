output "name" {
  description = "The table with the latest reading of each device."
  value       = aws_dynamodb_table.latest.name
}

output "arn" {
  description = "The table's ARN."
  value       = aws_dynamodb_table.latest.arn
}
