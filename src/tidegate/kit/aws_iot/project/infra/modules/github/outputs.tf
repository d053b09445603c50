output "roles" {
  description = "ARN of each role: `plan`, and `apply-<stage>` for each stage."
  value       = { for key, role in aws_iam_role.this : key => role.arn }
}
