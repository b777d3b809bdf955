"""The Durable Task protocol: what functions of the SDK 2.x exchange with the engine, and the service of its client."""
