"""A SELECT to blocks of CSV bytes."""
