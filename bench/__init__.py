"""Measurements: what Athena costs over raw DuckDB, and what the lab costs to start and to keep."""
