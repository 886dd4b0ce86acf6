"""The Frazil operator: it watches ModelDeployments and makes the cluster serve them."""
