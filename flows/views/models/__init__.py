"""How results of the commands that use one checkpoint look."""
