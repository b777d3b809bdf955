"""``assert_isolated``: an extension under adverse conditions."""
