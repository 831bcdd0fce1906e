"""Generation for text systems: any number of prompts a sentence, with shared beginnings."""
