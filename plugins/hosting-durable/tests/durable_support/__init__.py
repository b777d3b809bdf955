"""Helpers of the tests of hosting-durable."""
