"""Athena on DuckDB and the Glue catalog, as providers of LocalStack."""
