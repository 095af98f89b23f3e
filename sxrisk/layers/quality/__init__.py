"""What is wrong with the data of a project, in sentences."""
