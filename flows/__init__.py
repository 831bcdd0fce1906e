"""Flows: what happens in which order, and the command line. No logic.

Importing this package switches off the usage statistics of Prefect and MLflow, unless the
environment says otherwise: a run talks to nobody but the servers that it was given. It also has
flow runs show signs of life every 30 s: who does so less often is taken for dead
(deploy/dead-runs.yaml).
"""

import os

HEARTBEAT_SECONDS = 30
"""Prefect's smallest."""

for _name, _value in {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}.items():
    os.environ.setdefault(_name, _value)
