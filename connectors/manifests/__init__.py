"""Outside systems as data: a description in OpenAPI becomes a manifest, a manifest becomes connector and step kinds.

Pure: no Django, no database, no network. `importing.read` goes from bytes to a `Manifest`; `steps_made` and
`connector_made` go from there to the classes that a file under connectors/catalog/ would hold.
"""
