"""Stub."""


def register(app, services, caller):
    pass
