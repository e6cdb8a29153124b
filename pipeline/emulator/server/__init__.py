"""The offline service on its socket: who may connect, and what goes wrong on demand."""
