"""Templates outside a request: PDFs from packaged templates. Nothing here opens a socket or a file of the user's."""
