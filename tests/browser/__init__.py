"""The pages in Debian's Chromium, against a real server process."""
