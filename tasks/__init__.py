"""Tasks: one Prefect task per pipeline step. They resolve inputs, skip, launch and record."""
