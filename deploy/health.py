"""A container's health check: `python /app/health.py URL` ends with 0 when the URL answers 200 within three seconds."""

import http.client
import sys
from urllib.parse import urlsplit


def main(url: str) -> int:
    """Standard library only: it runs every few seconds in every container."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=3)
    try:
        connection.request("GET", parts.path)
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
