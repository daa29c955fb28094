"""Templates, one for each task: copy one into your project and change it, or run it as `keras-bert TASK`."""
