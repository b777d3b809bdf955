"""``hosting new``: create the files of an app, a function or an extension, ready to run, test and publish."""
