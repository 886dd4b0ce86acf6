"""A one-node Kubernetes in namespaces of its own, on a machine that has none."""
