"""Finished runs as OpenTelemetry traces and metrics."""
