variable "name" {
  description = "Prefix of every name in the system."
  type        = string
}

variable "stage" {
  description = "The stage, a dimension of the handler's own metrics."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that the topic is encrypted with."
  type        = string
}

variable "metric_namespace" {
  description = "CloudWatch namespace of the handler's own metrics."
  type        = string
}

variable "stream_name" {
  description = "The stream."
  type        = string
}

variable "table_name" {
  description = "The table."
  type        = string
}

variable "functions" {
  description = "Name of each function: `ingest` and `watch`."
  type        = map(string)
}

variable "timeout_ms" {
  description = "How long `ingest` may take."
  type        = number

  validation {
    condition     = var.timeout_ms >= 3000 && var.timeout_ms <= 900000
    error_message = "Lambda stops a function after 3 to 900 seconds."
  }
}

variable "queue_name" {
  description = "The dead-letter queue."
  type        = string
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

variable "watch_every_min" {
  description = "How often silent devices are counted."
  type        = number
  default     = 5

  validation {
    condition     = var.watch_every_min >= 1 && var.watch_every_min <= 480 && floor(var.watch_every_min) == var.watch_every_min
    error_message = "The watch runs every whole number of minutes, and an alarm looks at three of its runs within a day: 1 to 480."
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

variable "cost_tag" {
  description = "The tag `project` whose costs the budget counts."
  type        = string
}
