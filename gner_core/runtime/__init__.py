"""Processes and devices: child processes, the fork server, GPU locks, usage, logs, files."""
