variable "name" {
  description = "Prefix of every name in the system."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that records are encrypted with."
  type        = string
}

variable "mode" {
  description = "ON_DEMAND scales by itself; PROVISIONED has `shards` shards."
  type        = string
  default     = "ON_DEMAND"

  validation {
    condition     = contains(["ON_DEMAND", "PROVISIONED"], var.mode)
    error_message = "The mode is ON_DEMAND or PROVISIONED."
  }
}

variable "shards" {
  description = "Shards of a PROVISIONED stream; each takes 1 MB/s or 1,000 records/s."
  type        = number
  default     = 2

  validation {
    condition     = var.shards >= 1 && var.shards <= 500 && floor(var.shards) == var.shards
    error_message = "The number of shards is a whole number from 1 to 500."
  }
}

variable "retention_hours" {
  description = "How long a record can be read again."
  type        = number
  default     = 168

  validation {
    condition     = var.retention_hours >= 24 && var.retention_hours <= 8760
    error_message = "Kinesis keeps records for 24 to 8760 hours."
  }
}

variable "shard_level_metrics" {
  description = "Metrics for every shard; each costs extra."
  type        = list(string)
  default     = []
}
