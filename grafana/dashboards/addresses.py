"""Addresses: where people find the lab's programs, by the ports of .env.example.

They stand in the generated files, as in prometheus/prometheus.yml: where .env has other ports, `make up` serves copies
that have those.
"""

from pathlib import Path

from dotenv import dotenv_values

DEFAULTS = dotenv_values(Path(__file__).resolve().parents[2] / ".env.example", interpolate=False)
AIRFLOW, PROMETHEUS, ALERTMANAGER, INBOX, MLFLOW, INFERENCE = (
    f"http://127.0.0.1:{DEFAULTS[f'{program}_PORT']}"
    for program in ("AIRFLOW", "PROMETHEUS", "ALERTMANAGER", "INBOX", "MLFLOW", "ML_API")
)
