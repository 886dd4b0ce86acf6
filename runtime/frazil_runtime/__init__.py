"""The Frazil runtime: the inference server, the freezer and the `frazil` command."""
