output "key_arn" {
  description = "The key that everything is encrypted with."
  value       = aws_kms_key.this.arn
}
