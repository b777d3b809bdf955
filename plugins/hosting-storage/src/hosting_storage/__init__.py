"""Providers of Azure Storage queues, blobs and tables for ``hosting``; each is imported when an app uses it."""
