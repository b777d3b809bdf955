"""Event Grid triggers, which are called by Azure Event Grid."""
