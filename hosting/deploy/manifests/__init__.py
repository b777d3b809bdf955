"""``hosting manifests``: files for Kubernetes, Knative, Docker Compose and Azure Container Apps."""
