"""Runs a program as where TensorFlow isn't installed.

python tests/processes/without_tensorflow.py PROGRAM ARGUMENTS...
"""

import runpy
import sys

if __name__ == "__main__":
    sys.modules |= dict.fromkeys(("tensorflow", "tensorflow_text", "tf_keras"))  # None stops an import.
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
    print("done")
