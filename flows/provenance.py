"""From which code and in which Prefect run something comes, as tags of an MLflow run.

Example:
    provenance()["mlflow.source.git.commit"]
"""

import subprocess
from pathlib import Path

from prefect.context import FlowRunContext


def provenance() -> dict[str, str]:
    """Return tags that say from which code and in which Prefect run this comes."""
    here = Path(__file__).parent
    git = subprocess.run(
        ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    tags = {"mlflow.source.git.commit": git.stdout.strip()} if git.returncode == 0 else {}
    context = FlowRunContext.get()
    if context and context.flow_run:
        tags["prefect.flow_run_id"] = str(context.flow_run.id)
    return tags
