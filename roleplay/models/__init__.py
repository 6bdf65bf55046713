"""Find and load a base, attach an adapter; torch starts here."""

import logging

# peft imports it where it is installed, and it tells of kernels that nobody asked for.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
