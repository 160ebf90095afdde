"""The ML team's project: features, training, promotion, inference and monitoring of the shop's models."""

import os

# Read when the libraries are loaded, hence here; whoever sets one of them otherwise is heeded.
DEFAULTS = {
    # MLflow would try for minutes: who waits for it here has retries, or a champion, of their own.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A command prints its result and nothing else.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Threads that wait for work by spinning take it from whoever else is on the machine.
    "OMP_WAIT_POLICY": "PASSIVE",
}
for name, value in DEFAULTS.items():
    os.environ.setdefault(name, value)
