"""What is measured: a function a section, a module a subject."""
