variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "keep_versions_days" {
  description = "How long an overwritten state can be got back."
  type        = number
  default     = 365

  validation {
    condition     = var.keep_versions_days >= 30
    error_message = "A mistake is often noticed weeks later: keep overwritten states for at least 30 days."
  }
}
