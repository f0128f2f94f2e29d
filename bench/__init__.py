"""Measurements. `python -m bench [NAME]` writes bench/results/<name>.json; nothing here is a test."""
