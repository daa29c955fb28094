"""A page to play with models in a browser, on your own machine: `keras-bert demo`.

It needs Gradio, of the extra `demo`, which is imported when the page is made and not before.
"""

from keras_bert.demo.page import page
from keras_bert.demo.server import serve
from keras_bert.demo.shown import Shown

__all__ = ["Shown", "page", "serve"]
