"""Commands that use one checkpoint: find entities with it, serve it, hand it on."""
