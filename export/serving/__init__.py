"""What TensorFlow Serving is run with, and a client of it.

`docker-compose.yml`, `kustomization.yaml` with `kubernetes.yaml`, and the files that they mount:
`models.config`, `batching.config`, `monitoring.config`. `client.Client` asks any server that speaks
its protocols; `python -m export.serving` is the same at the prompt.
"""
