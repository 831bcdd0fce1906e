"""Work of single commands, outside any experiment."""
