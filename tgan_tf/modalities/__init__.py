"""What each kind of data needs, in one class each."""
