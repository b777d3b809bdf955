"""``hosting new``: the files of an extension, of an app or of a function, ready to run, test and publish."""
