"""The service on its socket: access, connections, faults on demand."""
