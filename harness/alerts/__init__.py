"""Tells of incidents: a webhook, a Slack-compatible hook, e-mail, a file; each once, and once that it is over."""
