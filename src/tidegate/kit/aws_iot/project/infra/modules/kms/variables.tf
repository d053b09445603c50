variable "name" {
  description = "Prefix of every name in the system."
  type        = string
}

variable "deletion_window_days" {
  description = "How long a deleted key can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "AWS keeps a deleted key for 7 to 30 days."
  }
}
