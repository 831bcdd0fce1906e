"""Model cards: what is known of how a checkpoint was made, and the README.md that says it."""
