"""The files of a training: checkpoints to resume from, and the best weights so far."""
