"""What several declarations name: DAGs, what these rely on, and how long alerts take."""

from lab.demo import DAG_ID as ORDERS
from lab.incidents.parts import PartFile
from lab.integration import DAG_ID as CHURN
from lab.services import STATSD_EXPORTER

__all__ = ["AUTHORIZED_KEYS", "CHURN", "CREDIT_RISK", "ORDERS", "RUNS", "SOON", "TRAININGS"]

CREDIT_RISK = "mlops_credit_risk_integration"
AUTHORIZED_KEYS = PartFile("ml-host", "ssh/authorized_keys")
# A run needs all of these, and its signals go through the last one.
RUNS = frozenset({"api-server", "scheduler", "triggerer", "localstack", STATSD_EXPORTER})
TRAININGS = RUNS | {"ml-host", "mlflow", str(AUTHORIZED_KEYS)}

# Seconds. Most alerts wait for a minute before they fire; scrapes, and rules that build on each other, come before it,
# and a message after it.
SOON = 120
