"""The Flask and ASGI application around the services."""

__version__ = "0.1.0"
