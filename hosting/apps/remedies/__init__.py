"""What to do about an exception that an app's code raised while it was imported: the remedy fits the cause."""
