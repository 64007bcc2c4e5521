"""From a configuration to a finished run: strategy, loop, checkpoints, pictures, report."""
