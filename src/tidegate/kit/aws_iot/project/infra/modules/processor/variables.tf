variable "name" {
  description = "Prefix of every name in the system."
  type        = string
}

variable "stage" {
  description = "The stage, a dimension of the handler's own metrics."
  type        = string
}

variable "package" {
  description = "The Lambda package that `make package` builds."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that everything is encrypted with."
  type        = string
}

variable "permissions_boundary" {
  description = "ARN of the most that the functions may do; null for no boundary."
  type        = string
  default     = null
}

variable "stream_arn" {
  description = "The stream to read."
  type        = string
}

variable "table_name" {
  description = "The table of the latest readings."
  type        = string
}

variable "table_arn" {
  description = "The table's ARN."
  type        = string
}

variable "bucket_name" {
  description = "The bucket of the history."
  type        = string
}

variable "bucket_arn" {
  description = "The bucket's ARN."
  type        = string
}

variable "metric_namespace" {
  description = "CloudWatch namespace of the handler's own metrics."
  type        = string
}

variable "memory_mb" {
  description = "Memory of `ingest`; its CPU grows with it."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "Lambda has 128 to 10240 MB of memory."
  }
}

variable "timeout_s" {
  description = "How long `ingest` may take for a batch."
  type        = number
  default     = 60

  validation {
    condition     = var.timeout_s >= 3 && var.timeout_s <= 900
    error_message = "Lambda stops a function after 3 to 900 seconds."
  }
}

variable "reserved_concurrency" {
  description = "How many copies of `ingest` may run at once; -1 for no limit of its own."
  type        = number
  default     = -1

  validation {
    condition     = var.reserved_concurrency == -1 || var.reserved_concurrency >= 1
    error_message = "Zero would switch the handler off."
  }
}

variable "batch_size" {
  description = "Most records in a batch."
  type        = number
  default     = 500

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10000
    error_message = "A batch has 1 to 10000 records."
  }
}

variable "batching_window_s" {
  description = "How long to wait for a batch to fill."
  type        = number
  default     = 1

  validation {
    condition     = var.batching_window_s >= 0 && var.batching_window_s <= 300
    error_message = "The window is 0 to 300 seconds."
  }
}

variable "parallelization_factor" {
  description = "Batches of one shard that are handled at once; the records of one device stay in order."
  type        = number
  default     = 2

  validation {
    condition     = var.parallelization_factor >= 1 && var.parallelization_factor <= 10
    error_message = "The parallelization factor is 1 to 10."
  }
}

variable "retry_attempts" {
  description = "How often a batch is tried again before its records are dead letters."
  type        = number
  default     = 5

  validation {
    condition     = var.retry_attempts >= 0 && var.retry_attempts <= 10000
    error_message = "Without a limit one batch can block its shard until its records expire."
  }
}

variable "max_record_age_s" {
  description = "Records older than this are dead letters instead of being tried again."
  type        = number
  default     = 86400

  validation {
    condition     = var.max_record_age_s >= 60 && var.max_record_age_s <= 604800
    error_message = "The age is 60 to 604800 seconds; without a limit one batch can block its shard."
  }
}

variable "max_ahead_s" {
  description = "How far a device's clock may be ahead of the arrival."
  type        = number
  default     = 300

  validation {
    condition     = var.max_ahead_s >= 0 && var.max_ahead_s <= 86400
    error_message = "A clock may be ahead by 0 to 86400 seconds."
  }
}

variable "max_behind_s" {
  description = "How late a reading may arrive."
  type        = number
  default     = 604800

  validation {
    condition     = var.max_behind_s >= 60
    error_message = "A reading may be late by at least 60 seconds."
  }
}

variable "silent_after_s" {
  description = "A device that sent nothing for this long is silent."
  type        = number
  default     = 900

  validation {
    condition     = var.silent_after_s >= 60
    error_message = "A device is silent after at least 60 seconds."
  }
}

variable "watch_every_min" {
  description = "How often silent devices are counted."
  type        = number
  default     = 5

  validation {
    condition     = var.watch_every_min >= 1 && var.watch_every_min <= 480 && floor(var.watch_every_min) == var.watch_every_min
    error_message = "The watch runs every whole number of minutes, and an alarm looks at three of its runs within a day: 1 to 480."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for certain numbers of days only, such as 14, 30, 90 or 365."
  }
}
