"""A development server that speaks both protocols of TensorFlow Serving.

`python -m export.serve --model=models/digits`; production is TensorFlow Serving itself, which takes
the same folders, the same requests and the same files of `export/serving`.
"""
