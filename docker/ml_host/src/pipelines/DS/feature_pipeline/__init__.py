"""From the datamart to features: one query a project."""
