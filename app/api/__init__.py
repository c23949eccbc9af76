"""The REST API under /api: one file per resource, one error shape, one schema."""

from flask_openapi3 import Info, OpenAPI

from app import __version__
from app.api.addresses import FieldNameConverter, RecordIdConverter, guard_addresses
from app.api.analytics import analytics
from app.api.auth import auth, visitors
from app.api.delivery import delivery
from app.api.docs import docs
from app.api.document import ABOUT, SECURITY_SCHEMES
from app.api.errors import register_error_handlers
from app.api.health import health
from app.api.history import history
from app.api.logs import logs
from app.api.organisation import organisation
from app.api.preferences import preferences
from app.api.queries import queries
from app.api.request_id import send_request_id_back
from app.api.sample import sample
from app.api.search import search
from app.api.tokens import tokens
from app.api.uploads import uploads

RESOURCES = (
    *(visitors, auth, tokens, organisation, preferences),
    *(search, logs, analytics, queries, uploads, history, sample, delivery, health),
)


def make_openapi() -> OpenAPI:
    """An empty Flask application that collects what the endpoints declare."""
    info = Info(title="ELK Vision", version=__version__, description=ABOUT)
    return OpenAPI("app", info=info, security_schemes=SECURITY_SCHEMES, doc_ui=False)


def register_api(server: OpenAPI) -> None:
    """Add the API to `server`: error shape, request ids, endpoints, schema and its two viewers."""
    server.url_map.converters |= {"record_id": RecordIdConverter, "field_name": FieldNameConverter}
    register_error_handlers(server)
    send_request_id_back(server)
    guard_addresses(server)
    for resource in RESOURCES:
        server.register_api(resource)
    server.register_blueprint(docs)
