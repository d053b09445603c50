variable "name" {
  description = "Prefix of every name in the system."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that objects are encrypted with."
  type        = string
}

variable "cold_after_days" {
  description = "After how many days raw files move to cheaper storage."
  type        = number
  default     = 30

  validation {
    condition     = var.cold_after_days >= 30
    error_message = "S3 moves objects to STANDARD_IA after 30 days or later."
  }
}

variable "keep_days" {
  description = "After how many days raw files end."
  type        = number
  default     = 730

  validation {
    condition     = var.keep_days > 30
    error_message = "The history is cold after 30 days and ends later."
  }
}

variable "quarantine_days" {
  description = "After how many days quarantined readings end; they are in raw/ too."
  type        = number
  default     = 90

  validation {
    condition     = var.quarantine_days >= 1
    error_message = "S3 ends objects after whole days, at least 1."
  }
}

variable "force_destroy" {
  description = "Whether destroying the stack destroys the history. Never in production."
  type        = bool
  default     = false
}
