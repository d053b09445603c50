output "bucket" {
  description = "The bucket of the states."
  value       = aws_s3_bucket.this.bucket
}

output "arn" {
  description = "The bucket's ARN."
  value       = aws_s3_bucket.this.arn
}

output "kms_key_arn" {
  description = "The key of the states."
  value       = aws_kms_key.this.arn
}
