"""Kubeflow Pipelines: the compiler, the entrypoint of the pods, and the API client."""
