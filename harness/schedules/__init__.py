"""Plans that run by the calendar: slots, what becomes of each, and the loop that begins them."""
