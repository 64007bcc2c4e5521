"""From files to step-addressed batches: ``sources.load_source``, ``pipeline.make_dataset``."""
