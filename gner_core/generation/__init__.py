"""Generation: predictions of a checkpoint for a set of sentences, as a child process."""
