variable "project" {
  description = "What the system is called; the first part of every name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.project))
    error_message = "A project is 2 to 20 lower case letters, digits and hyphens, a letter first: a bucket's name is made of it."
  }
}

variable "stage" {
  description = "Where it runs: dev, test, staging or prod; the second part of every name."
  type        = string

  validation {
    condition     = contains(["dev", "test", "staging", "prod"], var.stage)
    error_message = "The stage is dev, test, staging or prod."
  }
}

variable "package" {
  description = "The Lambda package that `make package` builds."
  type        = string

  validation {
    condition     = fileexists(var.package)
    error_message = "There is no such package: run `make package` first."
  }
}

variable "stream_mode" {
  description = "ON_DEMAND scales by itself; PROVISIONED has `shards` shards."
  type        = string
  default     = "ON_DEMAND"

  validation {
    condition     = contains(["ON_DEMAND", "PROVISIONED"], var.stream_mode)
    error_message = "The mode is ON_DEMAND or PROVISIONED."
  }
}

variable "shards" {
  description = "Shards of a PROVISIONED stream."
  type        = number
  default     = 2

  validation {
    condition     = var.shards >= 1 && var.shards <= 500 && floor(var.shards) == var.shards
    error_message = "The number of shards is a whole number from 1 to 500."
  }
}

variable "retention_hours" {
  description = "How long the stream keeps a record."
  type        = number
  default     = 168

  validation {
    condition     = var.retention_hours >= 24 && var.retention_hours <= 8760
    error_message = "Kinesis keeps records for 24 to 8760 hours."
  }
}

variable "billing_mode" {
  description = "How the table is paid: PAY_PER_REQUEST or PROVISIONED."
  type        = string
  default     = "PAY_PER_REQUEST"

  validation {
    condition     = contains(["PAY_PER_REQUEST", "PROVISIONED"], var.billing_mode)
    error_message = "The billing mode is PAY_PER_REQUEST or PROVISIONED."
  }
}

variable "protected" {
  description = "Whether table and history refuse to be deleted."
  type        = bool
  default     = true
}

variable "bounded" {
  description = "Whether the functions' roles get the permissions boundary that infra/bootstrap made; its roles cannot deploy without."
  type        = bool
  default     = false
}

variable "keep_days" {
  description = "How long the history is kept."
  type        = number
  default     = 730

  validation {
    condition     = var.keep_days > 30
    error_message = "The history is cold after 30 days and ends later."
  }
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

variable "emails" {
  description = "Who hears of alarms; each address has to confirm."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for e in var.emails : can(regex("^[^@ ]+@[^@ ]+$", e))])
    error_message = "Each is an e-mail address."
  }
}

variable "iterator_age_s" {
  description = "The handler may be this far behind the stream."
  type        = number
  default     = 300

  validation {
    condition     = var.iterator_age_s >= 1
    error_message = "The handler is always behind by a moment: at least 1 second."
  }
}

variable "event_lag_s" {
  description = "Readings may reach the handler this long after they were measured."
  type        = number
  default     = 3600

  validation {
    condition     = var.event_lag_s >= 1
    error_message = "A reading always takes a moment: at least 1 second."
  }
}

variable "no_data_min" {
  description = "This many minutes without a reading are an alarm."
  type        = number
  default     = 10

  validation {
    condition     = var.no_data_min >= 1 && var.no_data_min <= 60
    error_message = "The alarm looks at 1 to 60 minutes."
  }
}

variable "quarantined_per_5_min" {
  description = "More readings than this that are not plausible are an alarm."
  type        = number
  default     = 100

  validation {
    condition     = var.quarantined_per_5_min >= 0
    error_message = "There are no fewer readings than 0."
  }
}

variable "silent_devices" {
  description = "More silent devices than this are an alarm."
  type        = number
  default     = 0

  validation {
    condition     = var.silent_devices >= 0
    error_message = "There are no fewer devices than 0."
  }
}

variable "monthly_budget_usd" {
  description = "Costs a month that are expected; 0 for no budget."
  type        = number
  default     = 50

  validation {
    condition     = var.monthly_budget_usd >= 0
    error_message = "A budget is not negative."
  }
}
