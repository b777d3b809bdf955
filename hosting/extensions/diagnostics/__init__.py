"""What is reported about extensions."""
