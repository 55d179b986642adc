"""The slots of a schedule by looking at every minute: slow, and plainly right."""

from datetime import timedelta
from zoneinfo import ZoneInfo


def by_arithmetic(minutes, hours, weekdays, zone, after, until):
    """The first instant at which the wall clock has shown each matching time, or has passed it by."""
    where, found = ZoneInfo(zone), []
    shown = after.astimezone(where).replace(tzinfo=None)  # the latest wall-clock time so far
    moment = after
    while moment < until:
        moment += timedelta(minutes=1)
        wall = moment.astimezone(where).replace(tzinfo=None)
        if wall <= shown:
            continue  # the hour that comes again
        passed = [shown + timedelta(minutes=k) for k in range(1, round((wall - shown) / timedelta(minutes=1)) + 1)]
        if any(w.minute in minutes and w.hour in hours and (w.weekday() + 1) % 7 in weekdays for w in passed):
            found.append(moment)
        shown = wall
    return found
