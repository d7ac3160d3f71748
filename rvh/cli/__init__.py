"""The command line: arguments to a machine, the machine's end to an exit status, and nothing else."""
