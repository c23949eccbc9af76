"""Repeatable measurements: each prints ratios against something in the same run, none is a timed test."""
