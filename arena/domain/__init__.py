"""What a prompt, an endpoint, a trial, a timing, an outcome and a run are: frozen values, no I/O."""
