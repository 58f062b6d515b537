FROM python:3.13-slim
USER 1000
ENTRYPOINT ["/bin/sh", "-c", "flask db upgrade && gunicorn -b :8000 app:app"]
