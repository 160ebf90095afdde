"""MLflow's tracking server and registry as one process.

    python -m src.tracking_server --port 5000 --store sqlite:////var/lib/mlflow/mlflow.db --artifacts /var/lib/mlflow

`mlflow server` is a process of 270 MB that waits for another one to serve, beside seven of 250 MB for jobs that nobody
here submits. This is the one that serves.
"""

import argparse
import os

import uvicorn


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", required=True, help="URI of the database: sqlite:/// or postgresql://")
    parser.add_argument("--artifacts", required=True, help="where models are kept: a folder, or s3://BUCKET/PREFIX")
    arguments = parser.parse_args()
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    from mlflow.server import constants  # noqa: PLC0415 - reads the environment when it is loaded
    from mlflow.server.handlers import initialize_backend_stores  # noqa: PLC0415

    os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = arguments.store
    os.environ[constants.SERVE_ARTIFACTS_ENV_VAR] = "true"
    os.environ[constants.ARTIFACTS_DESTINATION_ENV_VAR] = arguments.artifacts
    os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = "mlflow-artifacts:/"
    initialize_backend_stores(arguments.store, arguments.store, "mlflow-artifacts:/")
    uvicorn.run("mlflow.server.fastapi_app:app", host=arguments.host, port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
