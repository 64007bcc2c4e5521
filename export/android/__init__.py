"""A Gradle project that runs a generator on Android; `python -m export.android` fills it."""
