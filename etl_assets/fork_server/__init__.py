"""The process that steps and parts are forked from, and all that it has imported for them.

Here belongs what is imported beforehand, for whichever processes. What they do then does not: see
`steps` and `export.split`; nor does how they are ended: see `processes`.
"""
