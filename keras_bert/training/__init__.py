"""What a training needs beside the model: optimizers, callbacks, continuation after a kill, weights to start from."""
