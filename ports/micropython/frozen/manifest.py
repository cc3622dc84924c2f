"""What build/micropython has frozen in, from MicroPython's own source."""

include("$(MPY_DIR)/extmod/asyncio")
