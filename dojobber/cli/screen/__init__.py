"""The screen output of the command: the lines, the bar, the recap, and the terminal."""
