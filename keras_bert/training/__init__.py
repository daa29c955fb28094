"""What a training needs beside the model: optimizers, losses, callbacks, continuation after a kill, first weights."""
