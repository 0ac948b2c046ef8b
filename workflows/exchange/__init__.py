"""Workflows and whole applications as files: written from what is stored, read from what people bring.

What pages, the REST API and commands call:

    exported = export_workflows(application, rows, Form.FLOW)         # exporting: a file's name, type and bytes
    exported = export_application(application)
    report = import_bundle(application, read_document(body), Options(strict=True))       # of JSON that was parsed already
    report = import_files(application, files, Options(conflict=Conflict.REPLACE))        # importing; None: a new application

Pure: `faults`, `parts` (what a file holds, whatever its form), `flow_form`, `template_form`, `application_form`, `reading` (bytes
to parts), `remapping`, `references`. With the database: `planning` decides, `writing` writes, `importing` and `exporting` are the
doors.
"""
