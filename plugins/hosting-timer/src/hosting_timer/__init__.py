"""An extension that logs how long each function took."""

from hosting_timer.extension import TimerExtension, TimerSettings

__all__ = ["TimerExtension", "TimerSettings"]
