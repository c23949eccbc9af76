"""What the Delivery page shows and does: the state every few seconds, dead letters, sending again and discarding."""

from collections.abc import Callable
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update

from components import dead_letters, delivery
from components.numbers import count, plural
from components.shell import TOAST
from services.delivery import Letter
from services.principal import Principal
from services.services import Services

TICK = "delivery-tick"
PILL = "delivery-pill"
SCOPE = "delivery-scope"
OVERVIEW = "delivery-overview"
LETTERS = "delivery-letters"
SHOWN = "delivery-shown"
CHANGED = "delivery-changed"
PAGER = "delivery-pager"
NEWER = "delivery-newer"
OLDER = "delivery-older"
OFFSET = "delivery-offset"
CHOSEN = "delivery-chosen"
MODAL = "delivery-modal"
QUESTION = "delivery-question"
CANCEL = "delivery-cancel"
CONFIRM = "delivery-confirm"

TICK_MS = 3_000
PAGE_SIZE = 20

Caller = Callable[[], Principal]
_ONE = {"organisation": ALL, "letter": ALL}


def register(app: Dash, services: Services, caller: Caller) -> None:
    """Every input and output of the Delivery page."""
    _register_state(app, services, caller)
    _register_letters(app, services, caller)
    _register_decisions(app, services, caller)


def _register_state(app: Dash, services: Services, caller: Caller) -> None:
    @app.callback(
        Output(OVERVIEW, "children"),
        Output(PILL, "children"),
        Output(SCOPE, "children"),
        Output(TICK, "disabled"),
        Input(TICK, "n_intervals"),
        Input(CHANGED, "data"),
    )
    def overview(_ticks: Any, _changed: Any) -> Any:
        return state_of(services, caller())


def _register_letters(app: Dash, services: Services, caller: Caller) -> None:
    @app.callback(
        Output(LETTERS, "children"),
        Output(SHOWN, "data"),
        Output(PAGER, "hidden"),
        Output(NEWER, "disabled"),
        Output(OLDER, "disabled"),
        Input(TICK, "n_intervals"),
        Input(CHANGED, "data"),
        Input(OFFSET, "data"),
        State(SHOWN, "data"),
    )
    def listed(_ticks: Any, _changed: Any, offset: int, shown: Any) -> Any:
        return letters_of(services, caller(), offset, shown)

    @app.callback(
        Output(OFFSET, "data"),
        Input(NEWER, "n_clicks"),
        Input(OLDER, "n_clicks"),
        State(OFFSET, "data"),
        prevent_initial_call=True,
    )
    def turn(_newer: Any, _older: Any, offset: int) -> Any:
        return max(0, offset + (PAGE_SIZE if ctx.triggered_id == OLDER else -PAGE_SIZE))


def _register_decisions(app: Dash, services: Services, caller: Caller) -> None:
    @app.callback(
        Output(CHANGED, "data"),
        Output(TOAST, "data", allow_duplicate=True),
        Input({"type": dead_letters.REDRIVE, **_ONE}, "n_clicks"),
        State(CHANGED, "data"),
        prevent_initial_call=True,
    )
    def redrive(clicks: list[int | None], changed: int) -> Any:
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            return no_update, no_update
        number = services.deliveries.redrive(caller(), **chosen(ctx.triggered_id))
        return changed + 1, {"text": f"{plural(number, 'record')} on the way again."}

    @app.callback(
        Output(MODAL, "is_open"),
        Output(QUESTION, "children"),
        Output(CHOSEN, "data"),
        Input({"type": dead_letters.DISCARD, **_ONE}, "n_clicks"),
        Input(CANCEL, "n_clicks"),
        Input(CONFIRM, "n_clicks"),
        State(SHOWN, "data"),
        prevent_initial_call=True,
    )
    def ask(clicks: list[int | None], _cancel: Any, _confirm: Any, shown: dict[str, Any] | None) -> Any:
        if not isinstance(ctx.triggered_id, dict):
            return False, no_update, no_update
        if not any(clicks):
            return no_update, no_update, no_update
        return True, question(ctx.triggered_id, shown or {}), ctx.triggered_id

    @app.callback(
        Output(CHANGED, "data", allow_duplicate=True),
        Output(TOAST, "data", allow_duplicate=True),
        Input(CONFIRM, "n_clicks"),
        State(CHOSEN, "data"),
        State(CHANGED, "data"),
        prevent_initial_call=True,
    )
    def discard(clicks: int | None, asked: dict[str, str] | None, changed: int) -> Any:
        if not clicks or not asked:
            return no_update, no_update
        number = services.deliveries.discard(caller(), **chosen(asked))
        return changed + 1, {"text": f"{plural(number, 'record')} discarded."}


def state_of(services: Services, principal: Principal) -> tuple[Any, ...]:
    """(overview, pill, whose it is, whether to stop asking)."""
    if not services.deliveries.may_see(principal):
        return delivery.not_yours(), None, None, True
    seen = services.deliveries.overview(principal)
    if seen.state is None:
        return delivery.in_process(), None, None, True
    zone = services.preferences.get(principal).timezone
    scope = "Whole installation" if seen.is_whole else "Your organisation"
    return delivery.overview(seen, seen.state, zone=zone, now=services.clock.now()), delivery.pill(seen), scope, False


def letters_of(services: Services, principal: Principal, offset: int, shown: Any) -> tuple[Any, ...]:
    """(table, what it shows, whether there is one page only, no newer, no older); unchanged rows stay as they are."""
    deliveries = services.deliveries
    if not deliveries.is_active or not deliveries.may_see(principal):
        return None, None, True, True, True
    found, total = deliveries.letters(principal, limit=PAGE_SIZE, offset=offset)
    is_whole = deliveries.overview(principal).is_whole
    zone = services.preferences.get(principal).timezone
    now_shown = {
        "offset": offset,
        "total": total,
        "ids": [_key(each) for each in found],
        "is_whole": is_whole,
        "zone": zone,
    }
    if now_shown == shown:
        return (no_update,) * 5
    table = dead_letters.dead_letters(found, total, offset=offset, zone=zone, is_whole=is_whole)
    has_pages = offset > 0 or total > PAGE_SIZE
    return table, now_shown, not has_pages, offset == 0, offset + len(found) >= total


def _key(found: Letter) -> list[str]:
    return [found.organisation_id, found.letter.id]


def chosen(button: dict[str, str]) -> dict[str, Any]:
    """What a button of the table means, as arguments: one record, or all."""
    if not button["letter"]:
        return {"ids": None}
    return {"ids": [button["letter"]], "organisation_id": button["organisation"]}


def question(button: dict[str, str], shown: dict[str, Any]) -> str:
    """What is asked before records are discarded."""
    if button["letter"]:
        return "This record was refused and is kept only here. Discarded, it is gone for good."
    whose = " of every organisation" if shown.get("is_whole") else ""
    return f"All {count(shown.get('total', 0))} refused records{whose} are kept only here. Discarded, they are gone for good."
