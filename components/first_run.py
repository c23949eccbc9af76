"""Before the first record: ways to send one, what is known so far, and sample data to look around with."""

from dash import html

from components.icons import icon

PLACEHOLDER = "YOUR_TOKEN"
WAYS = (("curl", "curl"), ("python", "Python"), ("file", "File"))


def first_run(
    *, ways_id: str, token_id: str, token_text_id: str, steps_id: str, sample_id: str, fault_id: str
) -> html.Div:
    """The panel; its commands and steps come by callback."""
    return html.Div(
        html.Div(
            [
                html.H1("Send your first log"),
                html.P("Pick a way in. The commands are ready to run once you have made a token.", className="ev-t2"),
                html.Div(
                    [_ways(ways_id, token_id, token_text_id), _aside(steps_id, sample_id, fault_id)],
                    className="ev-first-grid",
                ),
            ],
            className="ev-first-in",
        ),
        className="ev-first",
    )


def _ways(ways_id: str, token_id: str, token_text_id: str) -> html.Div:
    tabs = [
        html.Button(
            name,
            type="button",
            role="tab",
            className="ev-tab",
            tabIndex="0" if key == "curl" else "-1",
            **{"aria-selected": str(key == "curl").lower(), "aria-controls": f"first-{key}"},
        )
        for key, name in WAYS
    ]
    return html.Div(
        [
            html.Div(tabs, className="ev-tabs", role="tablist", **{"aria-label": "Ways in"}),
            html.Div(
                [
                    html.Div(id=ways_id),
                    html.Div(
                        [
                            html.Button(
                                [icon("key"), "Create a token"], id=token_id, type="button", className="ev-btn ev-pri"
                            ),
                            html.Span(id=token_text_id, className="ev-sm ev-t2 ev-wrap", role="status"),
                        ],
                        className="ev-row ev-g12",
                        style={"marginTop": "14px"},
                    ),
                ],
                style={"padding": "18px"},
            ),
        ],
        className="ev-card",
    )


def _aside(steps_id: str, sample_id: str, fault_id: str) -> html.Div:
    return html.Div(
        [
            html.Div(id=steps_id, className="ev-card", style={"padding": "16px 18px"}),
            html.Div(
                [
                    html.H2("Just looking around?"),
                    html.P(
                        "Load 50,000 sample lines from a small shop: 7 services, one incident to find. Remove them in one click.",
                        className="ev-t2",
                    ),
                    html.Button(
                        [icon("database-down"), "Load sample data"],
                        id=sample_id,
                        type="button",
                        className="ev-btn",
                        style={"width": "100%"},
                    ),
                    html.Div(id=fault_id),
                ],
                className="ev-card",
                style={"padding": "16px 18px", "display": "grid", "gap": "10px"},
            ),
        ],
        style={"display": "grid", "gap": "16px"},
    )


def ways(address: str, token: str | None) -> list[html.Div]:
    """One panel per way in, with the address of this server and the token where there is one."""
    texts = {"curl": _curl, "python": _python, "file": _file}
    return [_panel(key, texts[key](address, token or PLACEHOLDER), key != "curl") for key, _ in WAYS]


def _panel(key: str, text: str, hidden: bool) -> html.Div:
    copy = html.Button(
        [icon("copy"), "Copy"],
        type="button",
        className="ev-btn ev-s ev-copy",
        **{"data-copy-from": f"first-{key}-text"},
    )
    extra = (
        [
            html.P(
                ["Or drop files on the ", html.A("Upload page", href="/upload", **{"data-nav": "true"}), "."],
                className="ev-hint",
            )
        ]
        if key == "file"
        else []
    )
    return html.Div(
        [html.Pre(text, id=f"first-{key}-text", className="ev-code", tabIndex="0"), copy, *extra],
        id=f"first-{key}",
        className="ev-way",
        role="tabpanel",
        hidden=hidden,
    )


def _curl(address: str, token: str) -> str:
    return (
        f"curl -X POST {address}/api/logs/ \\\n"
        f'  -H "Authorization: Bearer {token}" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        '  -d \'{"level": "info",\n'
        '       "service": "my-app",\n'
        '       "message": "Hello from my-app"}\''
    )


def _python(address: str, token: str) -> str:
    return (
        "import json, urllib.request\n\n"
        'record = {"level": "info", "service": "my-app", "message": "Hello from my-app"}\n'
        "request = urllib.request.Request(\n"
        f'    "{address}/api/logs/",\n'
        "    data=json.dumps(record).encode(),\n"
        f'    headers={{"Authorization": "Bearer {token}", "Content-Type": "application/json"}},\n'
        ")\n"
        "print(urllib.request.urlopen(request).read().decode())"
    )


def _file(address: str, token: str) -> str:
    return (
        f"curl -X POST {address}/api/logs/upload/ \\\n"
        f'  -H "Authorization: Bearer {token}" \\\n'
        "  -F file=@app.log \\\n"
        "  -F service=my-app"
    )


def steps(*, has_token: bool, waited_s: int) -> list[html.Div]:
    """What is known so far; renewed while the page waits."""
    return [
        html.Div(
            [
                html.H2("Waiting for the first event", className="ev-sp"),
                html.Span(f"{waited_s // 60}:{waited_s % 60:02d}", className="ev-sm ev-t2"),
            ],
            className="ev-row",
            style={"marginBottom": "16px"},
        ),
        html.Ul(
            [
                _step("check-circle-fill", "ev-ok", "The server is listening", "HTTP, on the address of this page"),
                _step("check-circle-fill", "ev-ok", "Token made", "Shown in the commands, once")
                if has_token
                else _step("circle", "ev-off", "Token", "Create one to fill in the commands"),
                _waiting(),
            ],
            className="ev-steps",
        ),
    ]


def _step(symbol: str, kind: str, title: str, text: str) -> html.Li:
    return html.Li([icon(symbol), html.Div([title, html.Small(text)])], className=kind)


def _waiting() -> html.Li:
    return html.Li(
        [
            html.Span(className="ev-spin"),
            html.Div(["First event", html.Small("Nothing yet. This page updates by itself.")]),
        ]
    )


def token_note(plain: str | None) -> str:
    """What stands beside the button."""
    if plain:
        return "Filled in above. It can send logs and nothing else; it is not shown again. Manage it under Settings."
    return "It can send logs and nothing else."
