"""The control process: one leader that decides, announces and puts the log in order."""
