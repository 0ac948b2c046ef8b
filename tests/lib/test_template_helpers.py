"""Helpers of templates, by a table; each is tried the fast way and the library's way."""

import re
from typing import Any

import pytest
import time_machine

from wegnology.lib import templating
from wegnology.lib.template_library import helpers
from wegnology.lib.templating import TemplateError, compile_template
from workflows import expressions


def _nested(levels: int) -> dict[str, Any]:
    part: dict[str, Any] = {}
    for _ in range(levels):
        part = {"type": "element", "name": "p", "elements": [part]}
    return part


CONTEXT: dict[str, Any] = {
    "t": "Grüße & küsse?",
    "n": 12.345,
    "big": 1234567,
    "at": "2024-02-09T15:04:05Z",
    "ms": 1707491045000,
    "list": [{"id": "a", "v": {"x": 1}}, {"id": "b", "v": {"x": 2}}],
    "words": ["x", "y"],
    "obj": {"a": 1, "b": [1, 2], "c": "ä b"},
    "json": '{"k": [1, 2]}',
    "key": "b",
    "berlin": "52.52,13.405",
    "paris": [48.8566, 2.3522],
    "square": ["0,0", "0,10", "10,10", "10,0"],
    "page": [
        {
            "elements": [
                {"type": "doctype", "doctype": "html"},
                {
                    "type": "element",
                    "name": "p",
                    "attributes": {"class": 'a"b', "hidden": None},
                    "elements": [
                        {"type": "text", "text": "1 < 2 & 3"},
                        {"type": "element", "name": "br"},
                        {"type": "comment", "comment": "-->x"},
                        {"type": "cdata", "cdata": "<b>"},
                    ],
                },
                {"type": "element", "name": "script", "elements": [{"type": "text", "text": "1 < 2 && '</script>'"}]},
            ]
        }
    ],
    "odd": {"type": "element", "name": "p onclick=x"},
    "deep": _nested(200),
    "inner": "{{upper key}}",
    "again": "{{template inner}}",
}

TABLE: list[tuple[str, str]] = [
    ("{{ceil n}} {{floor n}} {{ceil 'x'}} {{floor 7}}", "13 12 NaN 7"),
    ("{{max n 3}} {{min n 3}} {{max 1 2 3}} {{min 1}}", "12.345 3 3 1"),
    ("{{scaleLinear 0 10 0 100 n}} {{scaleLinear 0 0 0 1 5}}", "123.45000000000002 Infinity"),
    ("{{titleCase 'hello WORLD'}} {{substring t 0 5}} {{substring 'abc' 1}} {{substring 'abc' 2 0}}", "Hello World Grüße bc ab"),
    ("{{typeof t}} {{typeof n}} {{typeof list}} {{typeof obj}} {{typeof none}} {{typeof true}}",
     "string number array object undefined boolean"),
    ("{{{encodeURIComponent t}}}", "Gr%C3%BC%C3%9Fe%20%26%20k%C3%BCsse%3F"),
    ("{{{encodeURI 'http://h/ä?a=b&c#d'}}}", "http://h/%C3%A4?a=b&c#d"),
    ("{{{decodeURIComponent 'a%20%26%20b'}}} {{{decodeURI '%C3%A4'}}}", "a & b ä"),
    ("{{encodeBase64 t}} {{{decodeBase64 'R3LDvMOfZSAmIGvDvHNzZT8='}}}", "R3LDvMOfZSAmIGvDvHNzZT8&#x3D; Grüße & küsse?"),
    ("{{{queryStringEncode obj}}}", "a=1&b=1&b=2&c=%C3%A4%20b"),
    ("{{match t '^Gr'}} {{match t '^x'}} {{#match key '[a-c]'}}yes{{else}}no{{/match}}", "true false yes"),
    ("{{lookup (jsonDecode json) 'k'}}", "1,2"),
    ("{{jsonEncode (obj a=1 b=key)}}", '{"a":1,"b":"b"}'),
    ("{{jsonEncode (array 1 key n)}}", '[1,"b",12.345]'),
    ("{{jsonEncode (merge obj (obj a=2 d=3))}}", '{"a":2,"b":[1,2],"c":"ä b","d":3}'),
    ("{{last words}}{{last t}} {{last none}}", "y? "),
    ("{{indexByKey list key}} {{indexByKey list 'z' 'id'}} {{indexByKey list 2 'v.x'}}", "1 -1 1"),
    ("{{valueByKey list key 'id' 'v.x'}} {{jsonEncode (valueByKey list 'a')}}", '2 {"id":"a","v":{"x":1}}'),
    ("{{format n '.1f'}} {{format big}} {{format big ',d'}} {{format 'text'}} {{format '12.5' '.0f'}}",
     "12.3 1.23457e+6 1,234,567 text 13"),
    ("{{format at}} {{format at 'YYYY'}} {{format ms 'YYYY-MM-DD'}} {{format at 'date-local'}}",
     "02/09/2024 3:04:05 PM 2024 2024-02-09 02/09/2024"),
    ("{{formatDate at 'HH:mm' tz='America/New_York'}} {{formatDate ms 'LL'}} [{{formatDate none 'LL'}}]",
     "10:04 February 9, 2024 []"),
    ("{{formatDateRelative at '2024-02-09T15:10:05Z'}}|{{formatDateRelative at '2024-02-08T15:04:00Z'}}",
     "6 minutes ago|in a day"),
    ("{{formatDateRelative at}} {{currentDateTime 'YYYY-MM-DD HH'}} {{currentDateTime 'HH' tz='Europe/Berlin'}}",
     "an hour ago 2024-02-09 16 17"),
    ("{{{formatGps berlin}}} {{formatGps 'nowhere'}}", "52°31'12.0\"N 13°24'18.0\"E nowhere"),
    ("{{format (gpsDistance berlin paris) '.0f'}} [{{gpsDistance berlin 'x'}}]", "877465 []"),
    ("{{gpsIsPointInside '5,5' square}} {{gpsIsPointInside '15,5' square}} {{gpsIsPointInside '5,5' words}}", "true false false"),
    ("{{{toHtml page}}}|{{{toHtml 'a<b'}}}|{{{toHtml none}}}",
     '<!DOCTYPE html><p class="a&quot;b" hidden="">1 &lt; 2 &amp; 3<br><!----&gt;x-->&lt;b&gt;</p>'
     "<script>1 < 2 && '<\\/script>'</script>|a&lt;b|"),
    ("{{substring (colorMarker '#27AE60') 0 22}} {{eq (colorMarker '#27AE60') (colorMarker '27AE60')}} "
     "{{match (colorMarker '#27AE60') 'fill%3D%22%2327AE60%22'}}", "data:image/svg+xml,%3C true true"),
    ("{{template inner}} {{template '{{n}} units'}}", "B 12.345 units"),
    ("{{evalExpression '{{n}} > 10 && {{key}} == \"b\"'}}", "true"),
]  # fmt: skip


@pytest.mark.parametrize("by_library", [False, True], ids=["fast", "library"])
@pytest.mark.parametrize(("source", "text"), TABLE, ids=[row[0][:40] for row in TABLE])
def test_helpers(source: str, text: str, by_library: bool) -> None:
    with time_machine.travel("2024-02-09T16:04:05Z", tick=False):
        assert templating._compile(source, True, by_library).render(CONTEXT) == text


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("{{jsonDecode '{'}}", "this is not valid JSON"),
        ("{{colorMarker 'red'}}", "colorMarker takes a colour such as '#27AE60'"),
        ("{{toHtml odd}}", "'p onclick=x' is no name of an element or attribute"),
        ("{{toHtml deep}}", "the document is nested deeper than 200 elements"),
        ("{{match t '('}}", "is no regular expression"),
        ("{{decodeBase64 'ä'}}", "the text is not base64 of UTF-8"),
        ("{{decodeURIComponent '%ff'}}", "the text is not URL-encoded UTF-8"),
        ("{{formatDate 'soon' 'LL'}}", "'soon' is not a date"),
        ("{{formatDate at 'LL' tz='Moon'}}", "there is no time zone 'Moon'"),
        ("{{template again}}", "may not use it again"),
        ("{{template '{{#if'}}", "not closed"),
        ("{{evalExpression '1 +'}}", "a value is missing"),
        ("{{indexByKey list 1 '{{x}}'}}", "is a template"),
    ],
)
def test_failures(source: str, fault: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(fault)):
        compile_template(source).render(CONTEXT)


def test_a_wrong_number_of_values_is_found_when_compiling() -> None:
    with pytest.raises(TemplateError, match=r"the helper substring takes 3 value\(s\) \(text, start, end\), here are 4"):
        compile_template("{{substring t 1 2 3}}")


def test_the_table_tries_every_helper() -> None:
    assert expressions.MAX_LENGTH  # its import registers evalExpression
    core = {"eq", "ne", "gt", "gte", "lt", "lte", "includes", "add", "subtract", "multiply", "divide", "upper", "lower", "trim",
            "length", "join", "defaultTo", "jsonEncode", "lookup"}  # fmt: skip
    tried = {name for source, _ in TABLE for name in re.findall(r"[({#]\s*([A-Za-z0-9]+)", source)}
    assert helpers.keys() - core - tried == set()
