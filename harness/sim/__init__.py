"""Simulated providers: real HTTP on loopback, with a chosen speed, failure rate, price and skill."""
