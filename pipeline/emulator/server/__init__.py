"""The socket of the service: who may connect, and the faults on demand."""
