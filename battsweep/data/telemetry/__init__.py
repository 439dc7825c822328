"""Telemetry of charger fleets: one value a row, many files, larger than memory."""
