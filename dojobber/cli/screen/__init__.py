"""What the command shows while it runs Jobs, and the terminal it shows that on."""
