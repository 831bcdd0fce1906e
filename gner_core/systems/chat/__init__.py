"""Chat: a language model behind an OpenAI-compatible endpoint as an engine."""
