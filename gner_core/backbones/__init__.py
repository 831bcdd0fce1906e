"""Backbones: bringing a pretrained model in, loading it, and turning prompts into its tokens.

The one room that training, generation and systems share where torch and transformers are used.
"""
