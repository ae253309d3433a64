"""The services of docker-compose.yml as plain processes on this machine, for where no container engine is at hand."""
