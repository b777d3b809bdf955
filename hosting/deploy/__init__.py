"""What an app needs to run elsewhere: files that are generated from the loaded app."""
