"""What a training writes to disk: unfinished states and the best weights so far."""
