"""A static page that runs a TFLite file in the browser.

    python -m export.web --model=digits.tflite --out=site
    python -m http.server --directory=site 8000           # then open http://localhost:8000

writes a folder that any web server can serve, without a server of its own: the page, model.tflite,
model.json (classes and shape, from the file's metadata) and LiteRT.js, which npm fetches once into
the cache (`--litert` names a folder that has it). The pictures are Python's, to one grey level.
What is made is chosen by a list of classes, boxes of attributes, sliders of a vector, or a field
for a caption: then the text encoder, digits.encoder.tflite, goes into the folder too.
"""
