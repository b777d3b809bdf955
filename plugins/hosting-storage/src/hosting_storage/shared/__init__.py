"""Connections, credentials and failures shared by blobs, queues and tables."""
