"""Generation: what a checkpoint writes for a set of sentences, as a child process."""
