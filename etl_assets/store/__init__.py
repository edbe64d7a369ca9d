"""Bytes to durable, provable files: folders, manifests, proofs, and what completes a window.

Here belongs what is true of files whoever made them. Databases and Dagster do not belong here.
"""
