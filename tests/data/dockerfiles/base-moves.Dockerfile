FROM python:3-slim AS build
FROM python:slim
USER 1000
ENV PORT=8000
CMD ["gunicorn", "app:app"]
