"""The App's page with the labelling screen in front: the first face does not wait for the App.

The App is some ten megabytes of scripts, which a browser takes seconds to run. So its page comes
with the screen and the first faces, and the tags that load the App lie in a template, out of which
``plugin/dist/index.umd.js`` takes them once a face is drawn. The App's panel then takes over the
screen as it is.
"""

import json
import re
from pathlib import Path
from typing import Any

SCREEN = Path(__file__).parent / "plugin" / "dist" / "index.umd.js"
_HEAD = re.compile(r"(?<=<head>).*?(?=</head>)", re.DOTALL)
_OURS = """
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Labelling: {annotator}</title>
<style>html {{ background: #24282b }}</style>
<template id="gazebench-app">{app}</template>
"""
_TAIL = """<script type="application/json" id="gazebench-start">{facts}</script>
<script src="/gazebench/screen.js"></script>
</body>"""


def page(app: str, facts: dict[str, Any]) -> str:
    """The App's ``index.html`` with the screen in front; ``facts``: what the screen starts with.

    A page in another form than FiftyOne's today comes back as it is: the screen then comes with
    the panel.
    """
    head = _HEAD.search(app)
    if not head or "</body>" not in app:
        return app
    ours = _OURS.format(app=head[0], annotator=facts["annotator"])
    text = json.dumps(facts).replace("<", "\\u003c")
    whole = app[: head.start()] + ours + app[head.end() :]
    return whole.replace("</body>", _TAIL.format(facts=text))
