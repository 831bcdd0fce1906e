"""What an experiment would cost before it runs: tokens, operations, memory, hours, energy."""
