"""The Flask application: order of assembly, nothing else."""

from flask import request
from flask_openapi3 import OpenAPI

from app.api import make_openapi, register_api
from app.asgi import handed_over
from app.auth import install_auth
from app.config import Config, secret_key
from app.dashboard import mount_dashboard
from app.metrics import Metrics, install_metrics
from app.public_pages import register_public_pages
from services.services import Services


def create_app(config: Config, services: Services) -> OpenAPI:
    """The WSGI application with REST, pages and metrics over `services`."""
    server: OpenAPI = make_openapi()
    server.secret_key = secret_key(config)
    server.extensions["elkvision"] = services
    server.extensions["elkvision_config"] = config
    server.before_request(_raise_what_the_front_refused)
    install_auth(server)
    register_api(server)
    register_public_pages(server)
    mount_dashboard(server, services)
    install_metrics(server, Metrics(services.counters, services.deliveries.measures))
    handed_over(server)
    return server


def _raise_what_the_front_refused() -> None:
    """The front refuses a request by name; here it becomes the one error shape, with request id, metrics and log."""
    refused = request.environ.get("elkvision.refused")
    if refused is not None:
        raise refused
