"""Queues, blobs and tables of Azure Storage: providers for ``hosting``. Nothing is imported before an app uses it."""
