"""Measurements: Athena over raw DuckDB, the lab's start and memory, and how soon and at what cost it is watched."""
