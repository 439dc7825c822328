"""The command line: reads arguments, prints, exits."""
