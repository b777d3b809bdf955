"""Reading source code and packages without running them."""
