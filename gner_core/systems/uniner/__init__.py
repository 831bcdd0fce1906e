"""UniNER: a conversation that asks for one type at a time, answered with JSON lists."""
