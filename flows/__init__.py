"""Flows: what happens in which order, and the command line. No logic.

Importing this package switches off the usage statistics of Prefect and MLflow, unless the
environment says otherwise: a run talks to nobody but the servers that it was given.
"""

import os

for _name, _value in {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}.items():
    os.environ.setdefault(_name, _value)
