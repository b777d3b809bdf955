"""What a running host shows of itself: figures, invocations and log lines over HTTP, and the page that shows them."""

QUESTION = "monitor"
"""The question to all processes of a host that their monitors answer."""
