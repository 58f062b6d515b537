FROM python AS build
FROM docker.io/library/python:latest
USER 1000
ENV PORT=8000
CMD ["gunicorn", "app:app"]
