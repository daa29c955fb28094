"""What several rooms need and none owns: checks of arguments, files, batches, ragged rows."""
