"""Commands that turn a run into something deployed."""
