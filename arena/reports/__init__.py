"""The one place behind terminal, files and app: summary and export."""
