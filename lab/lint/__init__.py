"""What ruff and mypy cannot see: metrics nobody sends, alerts without test or runbook, rules Prometheus refuses."""
