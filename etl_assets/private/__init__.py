"""The fence: what is used of other libraries beyond what they promise, one module a library.

A name belongs here where the library exports none publicly that does; what it does export is
imported from there. Each module says what its names are for and what to do when one moves, and a
test of the same name fails with that advice. What is done with them does not belong here.
"""
