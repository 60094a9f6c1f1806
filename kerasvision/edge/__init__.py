"""A client of exported files: numpy, Pillow and the file's own runtime; nothing else of KerasVision, no TensorFlow.

`tflite/python` makes a distribution of its own of it, for devices that have nothing else installed. What it does with a
picture is `edge/independent`, written from the contract's words alone.

    client = open_client("model_int8.tflite")       # its contract.json stands beside it
    client.describe(client.predict("photo.jpg"))    # {"top": [{"label", "index", "score"}, ...]}
    open_reader("reader.tflite").read("page.png").text    # what `kerasvision read --save reader.tflite` wrote
"""

from kerasvision.edge.client import Client, open_client
from kerasvision.edge.errors import EdgeError
from kerasvision.edge.page_file import PageClient, open_reader

__all__ = ["Client", "EdgeError", "PageClient", "open_client", "open_reader"]
