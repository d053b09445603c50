variable "name" {
  description = "Prefix of every name in the system."
  type        = string
}

variable "metric_namespace" {
  description = "CloudWatch namespace of the handler's own metrics."
  type        = string
}

variable "stage" {
  description = "The value of the dimension `stage` of the handler's own metrics."
  type        = string
}

variable "stream_name" {
  description = "The stream to draw."
  type        = string
}

variable "table_name" {
  description = "The table to draw."
  type        = string
}

variable "function_name" {
  description = "The handler to draw."
  type        = string
}

variable "queue_name" {
  description = "The dead-letter queue to draw."
  type        = string
}

variable "alarm_arns" {
  description = "The alarms to show, in this order."
  type        = list(string)
}
