"""The only place that knows SQL: engine, tables, mapping, recorder, queries, images, migrations."""
