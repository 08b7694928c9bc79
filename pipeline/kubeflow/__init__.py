"""What only Kubeflow Pipelines needs: compiling, what runs in a pod, and talking to the server."""
