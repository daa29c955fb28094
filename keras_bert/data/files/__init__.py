"""Files of every layout that users bring, read as examples; what is wrong in them is said with its line."""
