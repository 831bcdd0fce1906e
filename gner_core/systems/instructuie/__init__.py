"""InstructUIE: an instruction with all types, answered with `type: words; type: words`."""
