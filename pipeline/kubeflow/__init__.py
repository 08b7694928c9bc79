"""Kubeflow Pipelines: what compiles the graph for a cluster, and what submits and watches it."""
