"""Small workflows in the forms that people bring, and the doors that tests go through."""

import json
from typing import Any

from tests import factories
from wegnology.applications.models import Application
from wegnology.lib.types import JSONObject
from workflows.exchange.exporting import Exported
from workflows.exchange.importing import import_files
from workflows.exchange.reading import ImportFile
from workflows.exchange.report import Options, Report
from workflows.exchange.stored import workflow_parts
from workflows.models import Workflow

OLD_ID = "5a0717e558025a00072bdc50"

YAML = """\
resourceType: Flow
resources:
  - description: ''
    exportHash: 2edbed85
    flowClass: cloud
    globals:
      - json: '4'
        key: limit
      - json: |-
          {
            "level": "critical"
          }
        key: event
    id: ~exportplaceholderid-flow-pumpAlerts~
    name: Pump alerts
    nodes:
      - config:
          expression: >-
            {{data.pressure}} > {{globals.limit}} ||
            {{data.stopped}}
        id: chk-1
        meta:
          category: logic
          label: Too high?
          name: conditional
          x: 80
          'y': 240
        outputIds:
          - []
          - - fen_2
            - dbg3
        type: ConditionalNode
      - config:
          anything: [1, 2]
        id: fen_2
        meta:
          label: In the yard?
        outputIds: []
        type: GeofenceNode
      - config:
          level: verbose
          message: 'At 12:30: {{data.pressure}}'
          property: ''
        id: dbg3
        meta:
          label: Debug
        outputIds: []
        type: DebugNode
    triggers:
      - config: {}
        key: pump/
        meta:
          label: 'Device: State'
        outputIds:
          - - chk-1
        type: deviceTag
      - config: {}
        key: ~exportplaceholderid-flow-pumpAlerts~-NfV48s66IL
        meta:
          label: Try it
          payload: |-
            {
            "pressure": 5
            }
          uiId: qaX_Y8rMgB
        outputIds:
          - - chk-1
        type: virtualButton
version: 1
"""


def button(key: str = "", mark: str = "u1", to: str = "d") -> JSONObject:
    """Return a virtual button."""
    return {"type": "virtualButton", "key": key, "config": {}, "meta": {"uiId": mark, "label": "Press"}, "outputIds": [[to]]}


def webhook(key: str = "", label: str = "Hook", to: str = "d") -> JSONObject:
    """Return a webhook."""
    return {"type": "webhook", "key": key, "config": {}, "meta": {"label": label}, "outputIds": [[to]]}


def debug(message: str = "seen") -> JSONObject:
    """Return a node that runs."""
    return {"id": "d", "type": "DebugNode", "config": {"message": message}, "meta": {"label": "Debug"}, "outputIds": []}


def press(workflow_id: str, key: str) -> JSONObject:
    """Return a node that presses a button."""
    config: JSONObject = {"triggerWorkflowId": workflow_id, "triggerVirtualButtonId": key}
    return {"id": "p", "type": "WorkflowTriggerNode", "config": config, "meta": {}, "outputIds": []}


def flow(name: str = "Alert", **parts: Any) -> JSONObject:
    """Return a workflow in the `.flow` form."""
    return {"_type": "flow", "name": name, "triggers": [], "nodes": [], "globals": [], **parts}


def file(content: Any, name: str = "a.flow") -> ImportFile:
    """Return a file: of bytes, of a text, or of JSON."""
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
    return ImportFile(name, content)


def bring(to: Application | None, *contents: Any, **options: Any) -> Report:
    """Import files."""
    files = [each if isinstance(each, ImportFile) else file(each, f"{at}.flow") for at, each in enumerate(contents)]
    return import_files(to, files, Options(**options))


def carried(exported: Exported) -> ImportFile:
    """Return an exported file as one to import."""
    return ImportFile(exported.name, exported.data)


def plant() -> Application:
    """Create an application to import into."""
    return factories.application("Target")


def contents(row: Workflow) -> dict[str, Any]:
    """Return what a workflow holds, as a `VersionPart` for the name of each version."""
    return {version.name: version for version in workflow_parts([row])[0].versions}
