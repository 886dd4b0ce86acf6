"""Pure: what the cluster should hold for one model."""
