"""What each command prints; a file here is named as its command in `flows.cli`."""
