"""Runs JavaScript in a process of its own, for `script_pool`; started by its file, so that it imports nothing of the project.

It reads requests from the socket that is its standard input and writes answers back: four bytes of length, then JSON. A request
is `[source, payload as JSON text]`; an answer is `{"value": JSON text}` or `{"error": {name, message, line}}`, with `logs`.

Every script gets an engine made anew, with bounds on time, memory and stack, and nothing of the machine: no files, no network,
no clock but Date.
"""

import json
import resource
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Any

import quickjs

LENGTH = struct.Struct(">I")
SECONDS = 1.0
"""Processor time of one script."""
MEMORY_BYTES = 32 * 1024 * 1024
STACK_BYTES = 256 * 1024
PROCESS_BYTES = 512 * 1024 * 1024
"""Memory of the whole process, where an engine that forgets its bound meets its end."""
MAX_LOGS = 100
MAX_LOG = 2_000

# What a script may have changed (prototypes, globals) is not used once it has run: the answer is put together from texts.
_CALL = """(function (source, text, mostLogs, mostText) {
  'use strict';
  const stringify = JSON.stringify, asText = String, asNumber = Number, AnyError = Error, Fault = TypeError;
  const joined = Function.prototype.call.bind(Array.prototype.join);  // one flat text: the wrapper cannot read a rope
  let logs = '', count = 0;
  const show = (value) => {
    if (typeof value === 'string') return value;
    try {
      const shown = stringify(value);
      return shown === undefined ? asText(value) : shown;
    } catch (fault) { return asText(value); }
  };
  const log = (level) => (...values) => {
    if (count === mostLogs) return;
    logs += (count++ ? ',' : '') + '["' + level + '",' + stringify(asText(values.map(show).join(' ').slice(0, mostText))) + ']';
  };
  const console = { log: log('verbose'), debug: log('verbose'), info: log('info'), warn: log('warn'), error: log('error') };
  const payload = JSON.parse(text);
  let answer;
  try {
    const result = new Function('payload', 'console', source + '\\n')(payload, console);
    const value = stringify(result === undefined ? payload : result);
    if (value === undefined) throw new Fault('the script returned a ' + typeof result + ', which is no JSON value');
    answer = '{"value":' + stringify(value);
  } catch (fault) {
    const isError = fault instanceof AnyError;
    const name = isError ? asText(fault.name) : fault === null ? 'null' : 'Error';
    const message = isError ? asText(fault.message) : show(fault);
    const line = isError && /<input>:(\\d+)/.exec(asText(fault.stack));
    answer = '{"error":{"name":' + stringify(name) + ',"message":' + stringify(message) + ',"line":'
      + (line ? asNumber(line[1]) : 0) + '}';
  }
  return joined([answer, ',"logs":[', logs, ']}'], '');
})"""
_LINES_BEFORE = 2
"""Of the function that is made around a script."""


def run(source: str, payload: str) -> bytes:
    """Run one script; returns the answer."""
    context = quickjs.Context()
    context.set_memory_limit(MEMORY_BYTES)
    context.set_max_stack_size(STACK_BYTES)
    call = context.eval(_CALL)
    context.set_time_limit(SECONDS)
    try:
        return _judged(call(source, payload, MAX_LOGS, MAX_LOG))
    except quickjs.JSException as error:
        first = str(error).partition("\n")[0]
        name, _, message = first.partition(": ")
        return _failed(name if message else "null", message or first)
    except TypeError as error:
        return _failed("Error", f"the script's answer cannot be read: {error}")


def _judged(answer: str) -> bytes:
    """Check what came out of the engine: a script may have tampered with whatever made it."""
    try:
        found: dict[str, Any] = json.loads(answer)
        error = found.get("error")
        if error is None:
            json.loads(found["value"])
            return answer.encode("utf-8", "replace")
        line = max(int(error["line"]) - _LINES_BEFORE, 0)
        return _failed(str(error["name"]), str(error["message"]), line, found["logs"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _failed("Error", "the script gave no answer that can be read")


def _failed(name: str, message: str, line: int = 0, logs: Sequence[Any] = ()) -> bytes:
    """Return the answer for an error; those by which the engine keeps its bounds get names of ours."""
    if "interrupted" in message:
        name, message = "TimeLimitReached", f"the script took longer than {SECONDS:g} s"
    elif name == "null" or "out of memory" in message:  # the engine may have no memory left to say so, and throws null
        name, message = "MemoryLimitReached", f"the script used more than {MEMORY_BYTES >> 20} MiB, or threw null"
    error = {"name": name, "message": message, "line": line}
    return json.dumps({"error": error, "logs": list(logs)}).encode("utf-8", "replace")


def serve(channel: socket.socket) -> None:
    """Answer requests until the other end is gone."""
    reader = channel.makefile("rb")
    while len(head := reader.read(LENGTH.size)) == LENGTH.size:
        body = reader.read(LENGTH.unpack(head)[0])
        source, payload = json.loads(body)
        answer = run(source, payload)
        channel.sendall(LENGTH.pack(len(answer)) + answer)


def confine() -> None:
    """Give up what a script engine does not need."""
    resource.setrlimit(resource.RLIMIT_AS, (PROCESS_BYTES, PROCESS_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))


if __name__ == "__main__":
    confine()
    serve(socket.socket(fileno=sys.stdin.fileno()))
