"""The built-in timer trigger: schedules, what is remembered of them, and who of several processes runs them."""
