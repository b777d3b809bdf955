"""The function host: load, extend, bind, listen, invoke, drain, stop."""
