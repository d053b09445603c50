"""The template `aws-iot`: a streaming system on AWS as code, and the same on one machine."""
