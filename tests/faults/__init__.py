"""Every type under every fault: the status is right within its bound, the books balance, nothing that can wait is lost."""
