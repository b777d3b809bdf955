"""Dispatch of hooks: how one invocation runs them."""
