"""HTTP/1.1 at the socket, under httpx's transport interface: nothing here waits for a pool, and every mark is taken
where the bytes arrive.
"""
