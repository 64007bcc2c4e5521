"""What every part of the configuration raises."""


class ConfigError(ValueError):
    """A value that cannot work; the message names the flag and the way out."""
