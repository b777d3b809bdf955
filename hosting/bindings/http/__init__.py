"""The HTTP trigger and output: templates, routes, requests, responses."""
