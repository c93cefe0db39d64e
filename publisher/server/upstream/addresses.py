"""Public addresses: a public upstream must not lead to this machine or its network."""

import asyncio
import ipaddress
import socket


def is_public_address(text: str) -> bool:
    """Return whether an IP address is public; False for loopback, private and link-local ones."""
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_global
    except ValueError:
        return False


async def is_public_host(host: str) -> bool:
    """Return whether all addresses of a host are public; True for one that has none, which can't be asked anyway."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return True
    return all(is_public_address(str(address[0])) for *_, address in found)
