"""Money that may be spent: reserved in full before a call is fired, settled when its outcome is known. Never passed."""

from __future__ import annotations

import anyio


class Budget:
    """All amounts in nano-dollars. `limit` None: nothing is refused, everything is counted."""

    def __init__(self, limit_nano_usd: int | None, spent_nano_usd: int = 0) -> None:
        self._limit = limit_nano_usd
        self.spent_nano_usd = spent_nano_usd
        self._reserved = 0
        self._changed = anyio.Condition()

    async def reserve(self, amount_nano_usd: int) -> bool:
        """Set the worst case of a call aside. False when it does not fit even after all under way has settled."""
        if self._limit is None:
            self._reserved += amount_nano_usd
            return True
        async with self._changed:
            while not self._fits(amount_nano_usd):
                if self._reserved == 0:
                    return False
                await self._changed.wait()
            self._reserved += amount_nano_usd
            return True

    async def settle(self, reserved_nano_usd: int, actual_nano_usd: int) -> None:
        """Replace a reservation by what the call really cost, or may have cost."""
        self._reserved -= reserved_nano_usd
        self.spent_nano_usd += actual_nano_usd
        if self._limit is not None:
            async with self._changed:
                self._changed.notify_all()

    def _fits(self, amount: int) -> bool:
        return self._limit is None or self.spent_nano_usd + self._reserved + amount <= self._limit
